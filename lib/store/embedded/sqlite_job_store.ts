import { cubesRead, type JobHistory, type JobRecord, type JobRequest, type JobState } from "../../schemas/job.ts";
import { toTimestamp } from "../../base/clock.ts";
import { missing } from "../../base/errors.ts";
import {
  type ActiveJobs,
  EVENT_PAGE,
  type JobAdmission,
  type JobChanges,
  type JobStore,
  type NewJobEvent,
  QUARANTINE_MS,
  QUARANTINED,
  type StoredJobEvent,
} from "../ports/job_store.ts";
import { activeJobsUsing } from "./active_jobs.ts";
import type { Database } from "./database.ts";
import type { DiskReserve } from "./disk_reserve.ts";
import { type Listing, type ListingRequest, parseCursor, toListing } from "../paging.ts";

interface JobRow {
  seq: number;
  id: string;
  kind: JobRecord["kind"];
  state: JobState;
  request: string;
  created_ms: number;
  started_ms: number | null;
  finished_ms: number | null;
  progress: string | null;
  result: string | null;
  error: string | null;
  attempts: number;
}

/** Losses by epoch as far as they have been read. */
interface SeenHistory extends JobHistory {
  sequence: number;
}

const HISTORIES_KEPT = 16;

export class SqliteJobStore implements JobStore {
  readonly #histories = new Map<string, SeenHistory>();

  constructor(private readonly db: Database, private readonly reserve: DiskReserve) {}

  // deno-lint-ignore require-await
  async insert(
    id: string,
    request: JobRequest,
    admission: JobAdmission,
  ): Promise<{ job: JobRecord; created: boolean }> {
    const { caller, priority, createdMs, dedupeKey = null } = admission;
    const [model, webhook] = request.kind === "train" ? [request.from, request.webhook] : [request.model];
    return this.db.transaction(() => {
      const same = this.#sameJob(request, admission);
      if (same) return { job: same, created: false };
      if (admission.requireUsed) this.#requireUsed(request, model);
      admission.admit?.(this.#active(caller));
      this.db.run(
        `INSERT INTO jobs (id, kind, state, caller, priority, cube, model, dedupe_key, webhook, request, created_ms)
         VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[id, request.kind, caller, priority, cubesRead(request)[0], model ?? null, dedupeKey, webhook ?? null],
        ...[JSON.stringify(request), createdMs],
      );
      this.#append(id, [{ event: "state", data: { state: "queued" } }]);
      return { job: this.#get(id)!, created: true };
    });
  }

  #sameJob(request: JobRequest, { dedupeKey, dedupe = "unfinished", createdMs }: JobAdmission): JobRecord | undefined {
    if (dedupeKey === undefined) return this.#quarantined(request, createdMs);
    const same = dedupe === "ever" ? this.#submittedAs(dedupeKey) : this.#unfinished(dedupeKey);
    return same ?? this.#quarantined(request, createdMs);
  }

  /** What was removed after the caller looked for it. */
  #requireUsed(request: JobRequest, model: string | undefined): void {
    for (const cube of cubesRead(request)) {
      if (!this.db.get("SELECT 1 FROM cubes WHERE id = ?", cube)) {
        throw missing("cube_missing", `There is no cube ${cube}`);
      }
    }
    if (model === undefined) return;
    const at = model.lastIndexOf("@");
    const sql = "SELECT digests FROM model_versions WHERE name = ? AND version = ?";
    const row = this.db.get<{ digests: string | null }>(sql, model.slice(0, at), Number(model.slice(at + 1)));
    // Shipped versions have no row.
    if (row && row.digests === null) throw missing("version_missing", `There is no model version ${model}`);
  }

  // deno-lint-ignore require-await
  async get(id: string, options: { bare?: boolean } = {}): Promise<JobRecord | undefined> {
    return this.#get(id, options);
  }

  #get(id: string, options: { bare?: boolean } = {}): JobRecord | undefined {
    const row = this.db.get<JobRow>("SELECT * FROM jobs WHERE id = ?", id);
    if (!row) return undefined;
    const job = toRecord(row);
    return options.bare || job.kind !== "train" ? job : { ...job, history: this.#history(id) };
  }

  // deno-lint-ignore require-await
  async callerOf(id: string): Promise<string | undefined> {
    return this.db.get<{ caller: string }>("SELECT caller FROM jobs WHERE id = ?", id)?.caller;
  }

  // deno-lint-ignore require-await
  async submittedAs(dedupeKey: string): Promise<JobRecord | undefined> {
    return this.#submittedAs(dedupeKey);
  }

  #submittedAs(dedupeKey: string): JobRecord | undefined {
    const row = this.db.get<JobRow>("SELECT * FROM jobs WHERE dedupe_key = ? ORDER BY seq DESC LIMIT 1", dedupeKey);
    return row && toRecord(row);
  }

  // deno-lint-ignore require-await
  async list({ limit, cursor, state }: ListingRequest & { state?: string }): Promise<Listing<JobRecord>> {
    const sql = "SELECT * FROM jobs WHERE seq < ? AND (? IS NULL OR state = ?) ORDER BY seq DESC LIMIT ?";
    const rows = this.db.all<JobRow>(sql, parseCursor(cursor), state ?? null, state ?? null, limit + 1);
    return toListing(rows, limit, toRecord);
  }

  // deno-lint-ignore require-await
  async update(id: string, state: JobState, changes: JobChanges, events: NewJobEvent[] = []) {
    const change = () =>
      this.db.transaction(() => {
        const columns = Object.entries(toColumns(changes)).filter(([, value]) => value !== undefined);
        const assignments = ["state = state", ...columns.map(([name]) => `${name} = ?`)].join(", ");
        const values = columns.map(([, value]) => value as string | number);
        const sql = `UPDATE jobs SET ${assignments} WHERE id = ? AND state = ?`;
        if (this.db.run(sql, ...values, id, state) === 0) return undefined;
        this.#append(id, events);
        return this.#get(id, { bare: true });
      });
    // A job that ends frees its checkpoint, a cancelled one the device.
    return changes.finishedMs === undefined ? change() : this.reserve.use(change);
  }

  // deno-lint-ignore require-await
  async eventsAfter(id: string, sequence: number): Promise<StoredJobEvent[]> {
    const sql = `SELECT sequence, event, data AS json FROM job_events WHERE job = ? AND sequence > ?
      ORDER BY sequence LIMIT ${EVENT_PAGE}`;
    return this.db.all<StoredJobEvent>(sql, id, sequence).map((row) => ({ ...row }));
  }

  // deno-lint-ignore require-await
  async next(kinds: readonly JobRequest["kind"][]): Promise<JobRecord | undefined> {
    const among = kinds.map(() => "?").join(", ");
    const row = this.db.get<JobRow>(
      `WITH waiting AS (
         SELECT caller, min(seq) AS first FROM jobs WHERE state = 'queued' AND kind IN (${among}) AND priority =
           (SELECT max(priority) FROM jobs WHERE state = 'queued' AND kind IN (${among}))
         GROUP BY caller)
       SELECT jobs.* FROM waiting JOIN jobs ON jobs.seq = waiting.first ORDER BY
         (SELECT count(*) FROM jobs WHERE caller = waiting.caller AND state = 'running'),
         (SELECT coalesce(max(started_ms), 0) FROM jobs WHERE caller = waiting.caller),
         first
       LIMIT 1`,
      ...[...kinds, ...kinds],
    );
    return row && toRecord(row);
  }

  // deno-lint-ignore require-await
  async inState(state: JobState): Promise<string[]> {
    return this.db.all<{ id: string }>("SELECT id FROM jobs WHERE state = ? ORDER BY seq", state).map((row) => row.id);
  }

  // deno-lint-ignore require-await
  async countByState(): Promise<Record<JobState, number>> {
    const counts = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
    const sql = "SELECT state, count(*) AS count FROM jobs GROUP BY state";
    for (const { state, count } of this.db.all<{ state: JobState; count: number }>(sql)) counts[state] = count;
    return counts;
  }

  // deno-lint-ignore require-await
  async countActive(caller: string): Promise<ActiveJobs> {
    return this.#active(caller);
  }

  #active(caller: string): ActiveJobs {
    const sql = `SELECT count(*) AS jobs, count(*) FILTER (WHERE kind = 'train') AS training
      FROM jobs WHERE caller = ? AND state IN ('queued', 'running')`;
    return { ...this.db.get<ActiveJobs>(sql, caller)! };
  }

  // deno-lint-ignore require-await
  async activeUsing(use: { cube?: string; model?: string }): Promise<string[]> {
    return activeJobsUsing(this.db, use);
  }

  // deno-lint-ignore require-await
  async prune({ finishedBeforeMs, keep }: { finishedBeforeMs: number; keep: number }): Promise<string[]> {
    const sql = `DELETE FROM jobs WHERE (finished_ms < ? OR seq IN (
      SELECT seq FROM jobs WHERE finished_ms IS NOT NULL ORDER BY seq DESC LIMIT -1 OFFSET ?))
      AND NOT (substr(caller, 1, 8) = 'visitor:' AND EXISTS (
        SELECT 1 FROM model_versions WHERE made_by = jobs.id AND digests IS NOT NULL)) RETURNING id`;
    return this.db.all<{ id: string }>(sql, finishedBeforeMs, keep).map((row) => row.id);
  }

  // deno-lint-ignore require-await
  async unnotified(): Promise<JobRecord[]> {
    const sql = `SELECT * FROM jobs WHERE webhook IS NOT NULL AND notified_ms IS NULL AND finished_ms IS NOT NULL
      ORDER BY seq LIMIT 1000`;
    return this.db.all<JobRow>(sql).map(toRecord);
  }

  // deno-lint-ignore require-await
  async markNotified(id: string, nowMs: number): Promise<void> {
    this.db.run("UPDATE jobs SET notified_ms = ? WHERE id = ?", nowMs, id);
  }

  // deno-lint-ignore require-await
  async quarantined(request: JobRequest, nowMs: number): Promise<JobRecord | undefined> {
    return this.#quarantined(request, nowMs);
  }

  #quarantined(request: JobRequest, nowMs: number): JobRecord | undefined {
    const row = this.db.get<JobRow>(
      `SELECT * FROM jobs WHERE finished_ms > ? AND state = 'failed' AND error ->> 'code' = ? AND request = ?
       ORDER BY seq DESC LIMIT 1`,
      ...[nowMs - QUARANTINE_MS, QUARANTINED, JSON.stringify(request)],
    );
    return row && toRecord(row);
  }

  #unfinished(dedupeKey: string): JobRecord | undefined {
    const sql = "SELECT * FROM jobs WHERE dedupe_key = ? AND state IN ('queued', 'running')";
    const row = this.db.get<JobRow>(sql, dedupeKey);
    return row && toRecord(row);
  }

  #append(id: string, events: NewJobEvent[]): void {
    for (const { event, data } of events) {
      this.db.run(
        `INSERT INTO job_events (job, sequence, event, data)
         SELECT ?, coalesce(max(sequence), 0) + 1, ?, ? FROM job_events WHERE job = ?`,
        ...[id, event, JSON.stringify(data), id],
      );
    }
  }

  /** Only what is new since the last look is read. */
  #history(id: string): JobHistory {
    const seen = this.#histories.get(id) ?? { sequence: 0, trainLoss: [], testLoss: [] };
    this.#histories.delete(id); // to the end: the map's order is that of use
    this.#histories.set(id, seen);
    if (this.#histories.size > HISTORIES_KEPT) this.#histories.delete(this.#histories.keys().next().value!);
    const rows = this.db.all<{ sequence: number; epoch: number; train: number | null; test: number | null }>(
      `SELECT sequence, data ->> 'epoch' AS epoch, data ->> 'trainLoss' AS train, data ->> 'testLoss' AS test
       FROM job_events WHERE job = ? AND sequence > ? AND event = 'epoch' ORDER BY sequence`,
      ...[id, seen.sequence],
    );
    for (const { sequence, epoch, train, test } of rows) {
      // Epochs that were trained again after a restart count once, with their last values.
      seen.trainLoss[epoch - 1] = train;
      seen.testLoss[epoch - 1] = test;
      seen.sequence = sequence;
    }
    return { trainLoss: Array.from(seen.trainLoss, orNull), testLoss: Array.from(seen.testLoss, orNull) };
  }
}

function orNull(value: number | null | undefined): number | null {
  return value ?? null;
}

function toColumns(changes: JobChanges): Record<string, string | number | undefined> {
  const json = (value: unknown) => value === undefined ? undefined : JSON.stringify(value);
  return {
    state: changes.state,
    started_ms: changes.startedMs,
    finished_ms: changes.finishedMs,
    progress: json(changes.progress),
    result: json(changes.result),
    error: json(changes.error),
    attempts: changes.attempts,
  };
}

function toRecord(row: JobRow): JobRecord {
  const time = (ms: number | null) => ms === null ? undefined : toTimestamp(ms);
  const json = (text: string | null) => text === null ? undefined : JSON.parse(text);
  return {
    id: row.id,
    kind: row.kind,
    state: row.state,
    request: JSON.parse(row.request),
    createdAt: toTimestamp(row.created_ms),
    startedAt: time(row.started_ms),
    finishedAt: time(row.finished_ms),
    progress: json(row.progress),
    result: json(row.result),
    error: json(row.error),
    attempts: row.attempts,
  };
}
