import type { JobHistory, JobProgress, JobRecord, JobRequest, JobState } from "../schemas/job.ts";
import { toTimestamp } from "../base/clock.ts";
import type { Database } from "./database.ts";
import type { SpareRoom } from "./spare_room.ts";
import { type Listing, type ListingRequest, parseCursor, toListing } from "./paging.ts";

export interface NewJobEvent {
  event: "state" | "epoch" | "done";
  data: Record<string, unknown>;
}

/** An event as it is kept: its data are JSON, which watchers pass on as it stands. */
export interface StoredJobEvent {
  /** Grows by one within a job. */
  sequence: number;
  event: NewJobEvent["event"];
  json: string;
}

/** Events read at once: a training has tens of thousands, and many may watch it. */
export const EVENT_PAGE = 256;

export interface JobAdmission {
  caller: string;
  /** 0 to 9, higher first. */
  priority: number;
  createdMs: number;
  /** While a job with this key is queued or running, another is not made: the one there is answers. */
  dedupeKey?: string;
}

/** Code of the error of a job that killed its workers. */
export const QUARANTINED = "worker_lost";
const QUARANTINE_MS = 3600 * 1000;

/** What a transition may change; the request never does. */
export interface JobChanges {
  state?: JobState;
  startedMs?: number;
  finishedMs?: number;
  progress?: JobProgress;
  result?: JobRecord["result"];
  error?: JobRecord["error"];
  attempts?: number;
}

/** Records of jobs and their events. Every method is one transaction. */
export interface JobStore {
  /** In place of a job that `quarantined` knows none is made: the one there is answers. */
  insert(id: string, request: JobRequest, admission: JobAdmission): { job: JobRecord; created: boolean };
  /** With the history of its epochs unless `bare`. */
  get(id: string, options?: { bare?: boolean }): JobRecord | undefined;
  callerOf(id: string): string | undefined;
  /** The job of the same request that was given up within the last hour because it killed its workers. */
  quarantined(request: JobRequest, nowMs: number): JobRecord | undefined;
  /** The job that was made with this `dedupeKey` last, whatever has become of it. */
  submittedAs(dedupeKey: string): JobRecord | undefined;
  list(page: ListingRequest & { state?: string }): Listing<JobRecord>;
  /** Changes a job that is in `state` and appends events; undefined (and nothing changed) when it is in another. */
  update(
    id: string,
    state: JobState,
    changes: JobChanges,
    events?: NewJobEvent[],
  ): JobRecord | undefined;
  /** The next events, at most `EVENT_PAGE`. */
  eventsAfter(id: string, sequence: number): StoredJobEvent[];
  /**
   * The job to run next among those kinds: highest priority; then the caller with fewest running jobs, then the one
   * served longest ago, then the oldest. The caller of this method makes it running with `update`.
   */
  next(kinds: readonly JobRequest["kind"][]): JobRecord | undefined;
  inState(state: JobState): string[];
  countByState(): Record<JobState, number>;
  /** Queued and running jobs of a caller, of one kind or of all. */
  countActive(caller: string, kind?: JobRequest["kind"]): number;
  /** Queued or running jobs that use a cube, or a model as `name@version`. */
  activeUsing(use: { cube?: string; model?: string }): string[];
  /** Finished jobs whose webhook has not been told (or given up on). */
  unnotified(): JobRecord[];
  markNotified(id: string, nowMs: number): void;
  /**
   * Removes jobs that finished before a time, and the oldest finished beyond `keep`; returns their ids. What made a
   * visitor's model stays as long as that: it says when the model's time is over.
   */
  prune(options: { finishedBeforeMs: number; keep: number }): string[];
}

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

  constructor(private readonly db: Database, private readonly spare: SpareRoom) {}

  insert(id: string, request: JobRequest, admission: JobAdmission): { job: JobRecord; created: boolean } {
    const { caller, priority, createdMs, dedupeKey = null } = admission;
    const [model, webhook] = request.kind === "train" ? [request.from, request.webhook] : [request.model];
    return this.db.transaction(() => {
      const same = (dedupeKey && this.#unfinished(dedupeKey)) || this.quarantined(request, createdMs);
      if (same) return { job: same, created: false };
      this.db.run(
        `INSERT INTO jobs (id, kind, state, caller, priority, cube, model, dedupe_key, webhook, request, created_ms)
         VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[id, request.kind, caller, priority, request.cube, model ?? null, dedupeKey, webhook ?? null],
        ...[JSON.stringify(request), createdMs],
      );
      this.#append(id, [{ event: "state", data: { state: "queued" } }]);
      return { job: this.get(id)!, created: true };
    });
  }

  get(id: string, options: { bare?: boolean } = {}): JobRecord | undefined {
    const row = this.db.get<JobRow>("SELECT * FROM jobs WHERE id = ?", id);
    if (!row) return undefined;
    const job = toRecord(row);
    return options.bare || job.kind !== "train" ? job : { ...job, history: this.#history(id) };
  }

  callerOf(id: string): string | undefined {
    return this.db.get<{ caller: string }>("SELECT caller FROM jobs WHERE id = ?", id)?.caller;
  }

  submittedAs(dedupeKey: string): JobRecord | undefined {
    const row = this.db.get<JobRow>("SELECT * FROM jobs WHERE dedupe_key = ? ORDER BY seq DESC LIMIT 1", dedupeKey);
    return row && toRecord(row);
  }

  list({ limit, cursor, state }: ListingRequest & { state?: string }): Listing<JobRecord> {
    const sql = "SELECT * FROM jobs WHERE seq < ? AND (? IS NULL OR state = ?) ORDER BY seq DESC LIMIT ?";
    const rows = this.db.all<JobRow>(sql, parseCursor(cursor), state ?? null, state ?? null, limit + 1);
    return toListing(rows, limit, toRecord);
  }

  update(id: string, state: JobState, changes: JobChanges, events: NewJobEvent[] = []) {
    const change = () =>
      this.db.transaction(() => {
        const columns = Object.entries(toColumns(changes)).filter(([, value]) => value !== undefined);
        const assignments = ["state = state", ...columns.map(([name]) => `${name} = ?`)].join(", ");
        const values = columns.map(([, value]) => value as string | number);
        const sql = `UPDATE jobs SET ${assignments} WHERE id = ? AND state = ?`;
        if (this.db.run(sql, ...values, id, state) === 0) return undefined;
        this.#append(id, events);
        return this.get(id, { bare: true });
      });
    // A job that ends frees its checkpoint, a cancelled one the device.
    return changes.finishedMs === undefined ? change() : this.spare.use(change);
  }

  eventsAfter(id: string, sequence: number): StoredJobEvent[] {
    const sql = `SELECT sequence, event, data AS json FROM job_events WHERE job = ? AND sequence > ?
      ORDER BY sequence LIMIT ${EVENT_PAGE}`;
    return this.db.all<StoredJobEvent>(sql, id, sequence).map((row) => ({ ...row }));
  }

  next(kinds: readonly JobRequest["kind"][]): JobRecord | undefined {
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

  inState(state: JobState): string[] {
    return this.db.all<{ id: string }>("SELECT id FROM jobs WHERE state = ? ORDER BY seq", state).map((row) => row.id);
  }

  countByState(): Record<JobState, number> {
    const counts = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
    const sql = "SELECT state, count(*) AS count FROM jobs GROUP BY state";
    for (const { state, count } of this.db.all<{ state: JobState; count: number }>(sql)) counts[state] = count;
    return counts;
  }

  countActive(caller: string, kind?: JobRequest["kind"]): number {
    const sql = `SELECT count(*) AS count FROM jobs WHERE caller = ? AND state IN ('queued', 'running')
      AND (? IS NULL OR kind = ?)`;
    return this.db.get<{ count: number }>(sql, caller, kind ?? null, kind ?? null)!.count;
  }

  activeUsing({ cube, model }: { cube?: string; model?: string }): string[] {
    const sql = `SELECT id FROM jobs WHERE state IN ('queued', 'running')
      AND (model = ? OR ? IN (cube, request ->> '$.parameters.imaginary'))`;
    return this.db.all<{ id: string }>(sql, model ?? null, cube ?? null).map((row) => row.id);
  }

  prune({ finishedBeforeMs, keep }: { finishedBeforeMs: number; keep: number }): string[] {
    const sql = `DELETE FROM jobs WHERE (finished_ms < ? OR seq IN (
      SELECT seq FROM jobs WHERE finished_ms IS NOT NULL ORDER BY seq DESC LIMIT -1 OFFSET ?))
      AND NOT (substr(caller, 1, 8) = 'visitor:' AND EXISTS (
        SELECT 1 FROM model_versions WHERE made_by = jobs.id AND digests IS NOT NULL)) RETURNING id`;
    return this.db.all<{ id: string }>(sql, finishedBeforeMs, keep).map((row) => row.id);
  }

  unnotified(): JobRecord[] {
    const sql = `SELECT * FROM jobs WHERE webhook IS NOT NULL AND notified_ms IS NULL AND finished_ms IS NOT NULL
      ORDER BY seq LIMIT 1000`;
    return this.db.all<JobRow>(sql).map(toRecord);
  }

  markNotified(id: string, nowMs: number): void {
    this.db.run("UPDATE jobs SET notified_ms = ? WHERE id = ?", nowMs, id);
  }

  quarantined(request: JobRequest, nowMs: number): JobRecord | undefined {
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
