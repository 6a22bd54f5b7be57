import type { Clock } from "../../base/clock.ts";
import { errorToJson } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { JobRecord, JobRequest } from "../../schemas/job.ts";
import type { CheckpointStore } from "../../store/ports/checkpoint_store.ts";
import type { JobStore } from "../../store/ports/job_store.ts";
import type { JobQueue } from "./job_queue.ts";
import { isFinished, type JobAction } from "./job_state.ts";
import { type JobContext, RunningJob } from "./running_job.ts";

/**
 * Does a job's work. A rejection fails the job with its code and message; the code `worker_lost` has it tried once more.
 * Work that was done before a crash must be recognised by the job's id (`ModelStore.add` with `madeBy`).
 */
export type ExecuteJob = (job: JobRecord, context: JobContext) => Promise<NonNullable<JobRecord["result"]>>;

/** Kinds of jobs and how many of them may run at a time. */
export interface Lane {
  kinds: readonly JobRequest["kind"][];
  concurrency: number;
}

export interface JobRunnerOptions {
  queue: JobQueue;
  store: JobStore;
  checkpoints: CheckpointStore;
  execute: ExecuteJob;
  clock: Clock;
  log: Log;
  lanes: readonly Lane[];
  /** Finished jobs are kept this long (default 30 days) and so many (default 10000). */
  retention?: { keepMs: number; keepJobs: number };
}

const POLL_MS = 1000;
const PRUNE_EVERY_MS = 10 * 60 * 1000;
const DAY_MS = 24 * 3600 * 1000;

/** Takes jobs from the queue, a few at a time, and keeps their records true whatever happens to the work. */
export class JobRunner {
  readonly #running = new Set<RunningJob>();
  readonly #stop = new AbortController();
  readonly #draining = new AbortController();
  #loop?: Promise<void>;
  #prunedMs = -Infinity;
  /** Jobs begun by kind, and how long those had waited. */
  readonly begun = { train: { jobs: 0, waitedS: 0 }, result: { jobs: 0, waitedS: 0 } };

  constructor(private readonly options: JobRunnerOptions) {}

  get running(): number {
    return this.#running.size;
  }

  /** Requeues what a killed process left running, then takes jobs until `drain`. */
  start(): void {
    this.#loop = this.#takeJobs();
  }

  /**
   * Takes no more jobs and asks the running ones to save a checkpoint; what has not stopped after the time is cut off.
   * All unfinished ones are queued again when it resolves.
   */
  async drain(graceMs: number): Promise<void> {
    this.#stop.abort();
    this.#draining.abort();
    await this.#loop;
    const running = [...this.#running];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise((resolve) => timer = setTimeout(resolve, graceMs));
    await Promise.race([Promise.all(running.map((job) => job.ended)), grace]);
    clearTimeout(timer);
    for (const job of running) {
      job.cutOff();
      try {
        await this.options.queue.apply(job.id, { type: "restart" });
      } catch (error) {
        // It stays running in the record, and the next start requeues it.
        this.options.log.error("job_not_recorded", { job: job.id, error: String(error) });
      }
    }
  }

  async #takeJobs(): Promise<void> {
    let requeued = false;
    while (!this.#stop.signal.aborted) {
      const news = this.options.queue.news(POLL_MS, this.#stop.signal);
      try {
        if (!requeued) await this.#requeue();
        requeued = true;
        await this.#prune();
        for (const lane of this.options.lanes) await this.#fill(lane);
      } catch (error) {
        this.options.log.error("queue_failed", { error: String(error) });
      }
      await news;
    }
  }

  async #requeue(): Promise<void> {
    const count = await this.options.queue.restartRunning();
    if (count > 0) this.options.log.info("jobs_requeued", { count });
  }

  async #fill(lane: Lane): Promise<void> {
    const busy = () => [...this.#running].filter((job) => lane.kinds.includes(job.kind)).length;
    while (busy() < lane.concurrency && !this.#stop.signal.aborted) {
      const job = await this.options.queue.claim(lane.kinds);
      if (!job) return;
      this.#run(job);
    }
  }

  #run(job: JobRecord): void {
    const { queue, checkpoints, log } = this.options;
    const running = new RunningJob(job, { queue, checkpoints, log, draining: this.#draining.signal });
    this.#running.add(running);
    this.begun[job.kind].jobs++;
    this.begun[job.kind].waitedS += Math.max(0, this.options.clock.nowMs() - Date.parse(job.createdAt)) / 1000;
    log.info("job_started", { job: job.id, kind: job.kind, attempts: job.attempts });
    running.ended = this.#settle(job, running).catch((error) =>
      log.error("job_unsettled", { job: job.id, error: String(error) })
    )
      .finally(() => {
        this.#running.delete(running);
        running.close();
        queue.wake();
      });
  }

  async #settle(job: JobRecord, running: RunningJob): Promise<void> {
    let action: JobAction, result: JobRecord["result"];
    try {
      result = await this.options.execute(job, await running.context());
      action = { type: "succeed" };
    } catch (error) {
      action = this.#actionFor(error);
    }
    if (running.isCutOff) return;
    await running.checkpointSettled();
    const ended = await this.#record(running, action, result);
    if (ended && !isFinished(ended.state)) return;
    await this.options.checkpoints.remove(job.id);
    this.options.log.info("job_ended", { job: job.id, state: ended?.state ?? "removed", error: ended?.error });
  }

  /**
   * The job as it ended, tried until the disk takes it: a job that ended must not be done again. Undefined when it was
   * cancelled and its record has been removed since.
   */
  async #record(
    running: RunningJob,
    action: JobAction,
    result: JobRecord["result"],
  ): Promise<JobRecord | undefined> {
    const { queue, store, log } = this.options;
    const { id } = running;
    while (true) {
      try {
        await running.flush();
        // Undefined when it was cancelled meanwhile: the record has said so since then.
        return await queue.apply(id, action, result) ?? await store.get(id, { bare: true });
      } catch (error) {
        log.error("job_not_recorded", { job: id, error: String(error) });
        if (this.#stop.signal.aborted) throw error;
        await queue.news(POLL_MS, this.#stop.signal);
      }
    }
  }

  #actionFor(error: unknown): JobAction {
    const { code, message, kind } = errorToJson(error);
    if (this.#draining.signal.aborted) return { type: "restart" };
    if (code === "worker_lost") return { type: "workerLost", detail: message };
    if (kind === "internal") this.options.log.error("job_failed", { error: String(error) });
    return { type: "fail", code, detail: message };
  }

  async #prune(): Promise<void> {
    const nowMs = this.options.clock.nowMs();
    if (nowMs - this.#prunedMs < PRUNE_EVERY_MS) return;
    this.#prunedMs = nowMs;
    const { keepMs, keepJobs } = this.options.retention ?? { keepMs: 30 * DAY_MS, keepJobs: 10000 };
    const pruned = await this.options.store.prune({ finishedBeforeMs: nowMs - keepMs, keep: keepJobs });
    if (pruned.length > 0) this.options.log.info("jobs_pruned", { count: pruned.length });
  }
}
