import type { Clock } from "../../base/clock.ts";
import { conflict, missing } from "../../base/errors.ts";
import { type JobId, newId } from "../../base/ids.ts";
import { createScheduler } from "../../base/scheduler.ts";
import type { JobProgress, JobRecord, JobRequest, JobState } from "../../schemas/job.ts";
import {
  EVENT_PAGE,
  type JobAdmission,
  type JobChanges,
  type JobStore,
  type StoredJobEvent,
} from "../../store/ports/job_store.ts";
import type { Listing, ListingRequest } from "../../store/paging.ts";
import { ChangeNotifier } from "./change_notifier.ts";
import { isFinished, type JobAction, transition } from "./job_state.ts";

/** Changes made by other processes are seen after this long. */
const POLL_MS = 1000;
/** Subject of news about any job. */
const ANY = "*";

export type SubmitOptions = Omit<JobAdmission, "priority" | "createdMs">;

/** The queue of jobs: every change goes through the state machine and notifies watchers. */
export interface JobQueue {
  /** As `JobStore.insert`. */
  submit(request: JobRequest, options: SubmitOptions): Promise<{ job: JobRecord; created: boolean }>;
  /** The job of the same request that was given up lately because it killed its workers: it is not created again. */
  quarantined(request: JobRequest): Promise<JobRecord | undefined>;
  /** Throws `job_missing`. */
  get(id: string, options?: { bare?: boolean }): Promise<JobRecord>;
  list(page: ListingRequest & { state?: string }): Promise<Listing<JobRecord>>;
  /**
   * Cancels at once, and says whether the job was running. Cancelling twice is fine; any other finished job is the
   * conflict `job_finished`.
   */
  cancel(id: string): Promise<{ job: JobRecord; wasRunning: boolean }>;
  /** Claims the next job of those kinds, if there is one: of several callers one gets it. */
  claim(kinds: readonly JobRequest["kind"][]): Promise<JobRecord | undefined>;
  /** False when the job is no longer running (cancelled): its work should stop. */
  recordEpochs(id: string, epochs: readonly JobProgress[]): Promise<boolean>;
  /** Progress in whose `phase` a running job is now. */
  recordPhase(id: string, progress: JobProgress): Promise<void>;
  /** Ends, requeues or fails a running job; undefined when it was no longer running. */
  apply(id: string, action: JobAction, result?: JobRecord["result"]): Promise<JobRecord | undefined>;
  /** After a start: jobs that a killed process left running are queued again. Returns how many. */
  restartRunning(): Promise<number>;
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
  /** Shared by all watchers that read long histories: their pages alternate, with other work in between. */
  readonly #yieldTurn = createScheduler();

  /** `onFinished` is told of every job that ends through this queue. */
  constructor(
    private readonly store: JobStore,
    private readonly clock: Clock,
    private readonly onFinished?: (job: JobRecord) => void,
  ) {}

  async submit(
    request: JobRequest,
    options: SubmitOptions,
  ): Promise<{ job: JobRecord; created: boolean }> {
    const createdMs = this.clock.nowMs();
    const priority = request.kind === "train" ? request.priority : 5;
    const id = newId<JobId>("job", createdMs);
    const admitted = await this.store.insert(id, request, { ...options, priority, createdMs });
    this.#notify(admitted.job.id);
    return admitted;
  }

  quarantined(request: JobRequest): Promise<JobRecord | undefined> {
    return this.store.quarantined(request, this.clock.nowMs());
  }

  async get(id: string, options?: { bare?: boolean }): Promise<JobRecord> {
    const job = await this.store.get(id, options);
    if (!job) throw missing("job_missing", `There is no job ${id}`);
    return job;
  }

  list(page: ListingRequest & { state?: string }): Promise<Listing<JobRecord>> {
    return this.store.list(page);
  }

  async cancel(id: string): Promise<{ job: JobRecord; wasRunning: boolean }> {
    const change = await this.#change(id, { type: "cancel" });
    if (change) return { job: change.job, wasRunning: change.before === "running" };
    const job = await this.get(id, { bare: true });
    if (job.state === "cancelled") return { job, wasRunning: false };
    throw conflict("job_finished", `Job ${id} has ${job.state} already; expected a queued or running job`);
  }

  async claim(kinds: readonly JobRequest["kind"][]): Promise<JobRecord | undefined> {
    for (let job = await this.store.next(kinds); job; job = await this.store.next(kinds)) {
      const claimed = await this.#claim(job);
      if (claimed) return claimed;
    }
    return undefined;
  }

  /** Starts a job that is still queued; one that another process has claimed meanwhile is left to it. */
  async #claim(job: JobRecord): Promise<JobRecord | undefined> {
    const next = transition(job, { type: "start" });
    return next && await this.#update(job, next);
  }

  async recordEpochs(id: string, epochs: readonly JobProgress[]): Promise<boolean> {
    if (epochs.length === 0) return true;
    const events = epochs.map((data) => ({ event: "epoch" as const, data: { ...data } }));
    const changed = await this.store.update(id, "running", { progress: epochs.at(-1) }, events);
    if (changed) this.#notify(id);
    return changed !== undefined;
  }

  async recordPhase(id: string, progress: JobProgress): Promise<void> {
    if (await this.store.update(id, "running", { progress })) this.#notify(id);
  }

  async apply(id: string, action: JobAction, result?: JobRecord["result"]): Promise<JobRecord | undefined> {
    return (await this.#change(id, action, result))?.job;
  }

  async #change(
    id: string,
    action: JobAction,
    result?: JobRecord["result"],
  ): Promise<{ job: JobRecord; before: JobState } | undefined> {
    const look = () => this.store.get(id, { bare: true });
    for (let job = await look(); job; job = await look()) {
      const next = transition(job, action);
      if (!next) return undefined;
      const changed = await this.#update(job, next, result);
      if (changed) return { job: changed, before: job.state };
      // Another process changed it first: look again.
    }
    return undefined;
  }

  async #update(
    job: JobRecord,
    next: NonNullable<ReturnType<typeof transition>>,
    result?: JobRecord["result"],
  ): Promise<JobRecord | undefined> {
    const nowMs = this.clock.nowMs();
    const changes: JobChanges = { ...next, result };
    if (next.state === "running" && job.startedAt === undefined) changes.startedMs = nowMs;
    if (isFinished(next.state)) changes.finishedMs = nowMs;
    const changed = await this.store.update(job.id, job.state, changes, eventsOf(next, result));
    if (!changed) return undefined;
    this.#notify(job.id);
    if (isFinished(changed.state)) this.onFinished?.(changed);
    return changed;
  }

  async restartRunning(): Promise<number> {
    const running = await this.store.inState("running");
    for (const id of running) await this.apply(id, { type: "restart" });
    return running.length;
  }

  async *events(id: string, afterSequence: number, signal: AbortSignal): AsyncGenerator<StoredJobEvent[]> {
    await this.get(id, { bare: true });
    for (let last = afterSequence; !signal.aborted;) {
      const news = this.#changes.next(id, POLL_MS, signal);
      const events = await this.store.eventsAfter(id, last);
      const newest = events.at(-1);
      if (newest) {
        yield events;
        if (newest.event === "done") return;
        last = newest.sequence;
      } else if (isFinished((await this.store.get(id, { bare: true }))?.state ?? "failed")) {
        return; // it had ended before `last`, or was removed
      }
      await (events.length === EVENT_PAGE ? this.#yieldTurn() : news);
    }
  }

  async waitFor(id: string, timeoutMs: number, signal?: AbortSignal): Promise<JobRecord> {
    const deadline = performance.now() + timeoutMs;
    while (true) {
      const left = deadline - performance.now();
      // Listened for before the look: what changes meanwhile ends the wait.
      const waiting = new AbortController();
      const news = this.#changes.next(
        id,
        Math.min(left, POLL_MS),
        AbortSignal.any([waiting.signal, ...signal ? [signal] : []]),
      );
      try {
        const job = await this.get(id, { bare: true });
        if (isFinished(job.state) || left <= 0 || signal?.aborted) return await this.get(id);
        await news;
      } finally {
        waiting.abort();
      }
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
