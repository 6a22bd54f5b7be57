import type { Clock } from "../../base/clock.ts";
import { conflict, missing } from "../../base/errors.ts";
import { type JobId, newId } from "../../base/ids.ts";
import { createScheduler } from "../../base/scheduler.ts";
import type { JobProgress, JobRecord, JobRequest } from "../../schemas/job.ts";
import { EVENT_PAGE, type JobChanges, type JobStore, type StoredJobEvent } from "../../store/job_store.ts";
import type { Listing, ListingRequest } from "../../store/paging.ts";
import { ChangeNotifier } from "./change_notifier.ts";
import { isFinished, type JobAction, transition } from "./job_state.ts";

/** Changes made by other processes are seen after this long. */
const POLL_MS = 1000;
/** Subject of news about any job. */
const ANY = "*";

export interface SubmitOptions {
  caller: string;
  /** See `JobAdmission.dedupeKey`. */
  dedupeKey?: string;
}

/** The queue of jobs: every change goes through the state machine and wakes those who watch. */
export interface JobQueue {
  submit(request: JobRequest, options: SubmitOptions): { job: JobRecord; created: boolean };
  /** The job of the same request that was given up lately because it killed its workers: it is not made again. */
  quarantined(request: JobRequest): JobRecord | undefined;
  /** Throws `job_missing`. */
  get(id: string, options?: { bare?: boolean }): JobRecord;
  list(page: ListingRequest & { state?: string }): Listing<JobRecord>;
  /** Cancels at once; cancelling twice is fine, any other finished job is the conflict `job_finished`. */
  cancel(id: string): JobRecord;
  /** Makes the next job of those kinds running, if there is one. */
  claim(kinds: readonly JobRequest["kind"][]): JobRecord | undefined;
  /** False when the job is no longer running (cancelled): whoever runs it should stop. */
  recordEpochs(id: string, epochs: readonly JobProgress[]): boolean;
  /** Ends, requeues or fails a running job; undefined when it was no longer running. */
  apply(id: string, action: JobAction, result?: JobRecord["result"]): JobRecord | undefined;
  /** After a start: running jobs were cut off and wait again. Returns how many. */
  restartRunning(): number;
  /** Events after one, in order and some at a time, then live until `done` or the signal. Throws `job_missing`. */
  events(id: string, afterSequence: number, signal: AbortSignal): AsyncGenerator<StoredJobEvent[]>;
  /** The job when it has ended, or as it is when the time is over or the signal fires. */
  waitFor(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord>;
  /** Resolves at news of any job, or after the time. */
  news(timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** Ends every wait for `news`. */
  wake(): void;
  /** Calls back at news of one job until the returned function is called. */
  watch(id: string, listener: () => void): () => void;
}

/** The queue on a job store. In one process news comes at once, from other processes on the same store within a second. */
export class StoredJobQueue implements JobQueue {
  readonly #changes = new ChangeNotifier();
  /** Those who watch long trainings from their start read one after the other, everything else in between. */
  readonly #yieldTurn = createScheduler();

  /** `onFinished` is told of every job that ends through this queue. */
  constructor(
    private readonly store: JobStore,
    private readonly clock: Clock,
    private readonly onFinished?: (job: JobRecord) => void,
  ) {}

  submit(request: JobRequest, { caller, dedupeKey }: SubmitOptions): { job: JobRecord; created: boolean } {
    const createdMs = this.clock.nowMs();
    const priority = request.kind === "train" ? request.priority : 5;
    const id = newId<JobId>("job", createdMs);
    const admitted = this.store.insert(id, request, { caller, priority, createdMs, dedupeKey });
    this.#notify(admitted.job.id);
    return admitted;
  }

  quarantined(request: JobRequest): JobRecord | undefined {
    return this.store.quarantined(request, this.clock.nowMs());
  }

  get(id: string, options?: { bare?: boolean }): JobRecord {
    const job = this.store.get(id, options);
    if (!job) throw missing("job_missing", `There is no job ${id}`);
    return job;
  }

  list(page: ListingRequest & { state?: string }): Listing<JobRecord> {
    return this.store.list(page);
  }

  cancel(id: string): JobRecord {
    const cancelled = this.apply(id, { type: "cancel" });
    if (cancelled) return cancelled;
    const job = this.get(id, { bare: true });
    if (job.state === "cancelled") return job;
    throw conflict("job_finished", `Job ${id} has ${job.state} already, only a queued or running one is cancelled`);
  }

  claim(kinds: readonly JobRequest["kind"][]): JobRecord | undefined {
    for (let job = this.store.next(kinds); job; job = this.store.next(kinds)) {
      const claimed = this.apply(job.id, { type: "start" });
      if (claimed) return claimed;
    }
    return undefined;
  }

  recordEpochs(id: string, epochs: readonly JobProgress[]): boolean {
    if (epochs.length === 0) return true;
    const events = epochs.map((data) => ({ event: "epoch" as const, data: { ...data } }));
    const changed = this.store.update(id, "running", { progress: epochs.at(-1) }, events);
    if (changed) this.#notify(id);
    return changed !== undefined;
  }

  apply(id: string, action: JobAction, result?: JobRecord["result"]): JobRecord | undefined {
    for (let job = this.store.get(id, { bare: true }); job; job = this.store.get(id, { bare: true })) {
      const next = transition(job, action);
      if (!next) return undefined;
      const nowMs = this.clock.nowMs();
      const changes: JobChanges = { ...next, result };
      if (next.state === "running" && job.startedAt === undefined) changes.startedMs = nowMs;
      if (isFinished(next.state)) changes.finishedMs = nowMs;
      const changed = this.store.update(id, job.state, changes, eventsOf(next, result));
      if (!changed) continue; // another process was quicker: look again
      this.#notify(id);
      if (isFinished(changed.state)) this.onFinished?.(changed);
      return changed;
    }
    return undefined;
  }

  restartRunning(): number {
    const running = this.store.inState("running");
    for (const id of running) this.apply(id, { type: "restart" });
    return running.length;
  }

  async *events(id: string, afterSequence: number, signal: AbortSignal): AsyncGenerator<StoredJobEvent[]> {
    this.get(id, { bare: true });
    for (let last = afterSequence; !signal.aborted;) {
      const news = this.#changes.next(id, POLL_MS, signal);
      const events = this.store.eventsAfter(id, last);
      const newest = events.at(-1);
      if (newest) {
        yield events;
        if (newest.event === "done") return;
        last = newest.sequence;
      } else if (isFinished(this.store.get(id, { bare: true })?.state ?? "failed")) {
        return; // it had ended before `last`, or was removed
      }
      await (events.length === EVENT_PAGE ? this.#yieldTurn() : news);
    }
  }

  async waitFor(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord> {
    const deadline = performance.now() + timeoutMs;
    while (true) {
      const left = deadline - performance.now();
      const job = this.get(id, { bare: true });
      if (isFinished(job.state) || left <= 0 || signal?.aborted) return this.get(id);
      await this.#changes.next(id, Math.min(left, POLL_MS), signal);
    }
  }

  news(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return this.#changes.next(ANY, timeoutMs, signal);
  }

  wake(): void {
    this.#changes.notify(ANY);
  }

  watch(id: string, listener: () => void): () => void {
    return this.#changes.listen(id, listener);
  }

  #notify(id: string): void {
    this.#changes.notify(id);
    this.#changes.notify(ANY);
  }
}

function eventsOf(next: ReturnType<typeof transition> & object, result: JobRecord["result"]) {
  const data = { state: next.state, result, error: next.error };
  const state = { event: "state" as const, data };
  return isFinished(next.state) ? [state, { event: "done" as const, data }] : [state];
}
