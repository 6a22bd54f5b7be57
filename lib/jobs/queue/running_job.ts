import { LoopscopeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { JobProgress, JobRecord, TrainingPhase } from "../../schemas/job.ts";
import type { CheckpointStore } from "../../store/ports/checkpoint_store.ts";
import type { JobQueue } from "./job_queue.ts";

/** Epochs are recorded together at this pace: a small network ends hundreds a second, each record waits for the disk. */
const RECORD_EVERY_MS = 100;

/** Epochs kept in memory while the disk takes none. */
const MOST_EPOCHS_BEHIND = 10_000;

/** What a job's work gets from the runner. */
export interface JobContext {
  /** Fires when the job was cancelled: stop, keep nothing. The device must be free within a second. */
  signal: AbortSignal;
  /** Fires when the service is stopping: save a checkpoint, then reject; the job goes on after the next start. */
  draining: AbortSignal;
  /** The last checkpoint, where the job was interrupted. */
  checkpoint?: Uint8Array<ArrayBuffer>;
  onEpoch(progress: JobProgress): void;
  /** What the job does from now on; shown with the progress. */
  onPhase(phase: TrainingPhase): void;
  /** Durable when it resolves; the previous checkpoint is kept until then. */
  onCheckpoint(bytes: Uint8Array): Promise<void>;
}

export interface RunningJobOptions {
  queue: JobQueue;
  checkpoints: CheckpointStore;
  log: Log;
  draining: AbortSignal;
}

/** One job while it runs: gathers its epochs, saves its checkpoints in order, and tells it when it was cancelled. */
export class RunningJob {
  readonly #abort = new AbortController();
  readonly #unwatch: () => void;
  #epochs: JobProgress[] = [];
  #last: JobProgress;
  #phase?: TrainingPhase;
  /** Whether the last epochs could not be recorded. */
  #behind = false;
  #timer?: ReturnType<typeof setTimeout>;
  #recording: Promise<void> = Promise.resolve();
  #saving: Promise<void> = Promise.resolve();
  #cutOff = false;
  /** Resolves when the work and its record are settled. */
  ended: Promise<void> = Promise.resolve();

  constructor(private readonly job: JobRecord, private readonly options: RunningJobOptions) {
    this.#last = job.progress ?? beforeTheFirst(job);
    this.#unwatch = options.queue.watch(job.id, () => void this.#look());
  }

  get id(): string {
    return this.job.id;
  }

  get kind(): JobRecord["kind"] {
    return this.job.kind;
  }

  get isCutOff(): boolean {
    return this.#cutOff;
  }

  async context(): Promise<JobContext> {
    await this.#look(); // it may have been cancelled since it was claimed
    return {
      signal: this.#abort.signal,
      draining: this.options.draining,
      checkpoint: await this.options.checkpoints.load(this.job.id),
      onEpoch: (progress) => this.#gather(progress),
      onPhase: (phase) => this.#enter(phase),
      onCheckpoint: (bytes) => this.#save(bytes),
    };
  }

  /** Records the gathered epochs. A job that is no longer running (another process cancelled it) is stopped. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const epochs = this.#epochs;
    this.#epochs = [];
    // One after the other: a client reads the epochs in order.
    return this.#recording = this.#recording.then(() => this.#record(epochs));
  }

  async #record(epochs: JobProgress[]): Promise<void> {
    try {
      if (!await this.options.queue.recordEpochs(this.job.id, epochs)) this.#cancel();
      this.#behind = false;
    } catch (error) {
      // Recorded with the next ones; a curve with a gap is better than a lost training.
      this.#epochs = [...epochs, ...this.#epochs].slice(-MOST_EPOCHS_BEHIND);
      if (!this.#behind) this.options.log.error("epochs_not_recorded", { job: this.id, error: String(error) });
      this.#behind = true;
    }
  }

  checkpointSettled(): Promise<void> {
    return this.#saving;
  }

  /** Stops the work; what it still says is not recorded. */
  cutOff(): void {
    this.#cutOff = true;
    this.#cancel();
    this.close();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#unwatch();
  }

  #gather(progress: JobProgress): void {
    if (this.#abort.signal.aborted) return;
    this.#last = this.#phase ? { ...progress, phase: this.#phase } : progress;
    this.#epochs.push(this.#last);
    this.#timer ??= setTimeout(() => void this.flush(), RECORD_EVERY_MS);
  }

  /** After the epochs so far, before those to come. */
  #enter(phase: TrainingPhase): void {
    if (this.#abort.signal.aborted) return;
    this.#phase = phase;
    this.#last = { ...this.#last, phase };
    const progress = this.#last;
    void this.flush();
    this.#recording = this.#recording.then(() => this.options.queue.recordPhase(this.job.id, progress)).then(
      () => {},
      (error) => this.options.log.error("phase_not_recorded", { job: this.id, error: String(error) }),
    );
  }

  #save(bytes: Uint8Array): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve();
    const saved = this.#saving.then(() => this.options.checkpoints.save(this.job.id, bytes));
    this.#saving = saved.catch((error) =>
      this.options.log.error("checkpoint_not_saved", { job: this.id, error: String(error) })
    );
    return saved;
  }

  /** The next of our own epochs finds out what a look that fails does not. */
  async #look(): Promise<void> {
    const job = await this.options.queue.get(this.job.id, { bare: true }).catch(() => undefined);
    if (job?.state === "cancelled") this.#cancel();
  }

  #cancel(): void {
    this.#abort.abort(new LoopscopeError("cancelled", "cancelled", `Job ${this.job.id} was cancelled`));
  }
}

function beforeTheFirst({ request }: JobRecord): JobProgress {
  const epochs = request.kind === "train" ? request.epochs * request.members : 0;
  return { epoch: 0, epochs, trainLoss: null, testLoss: null, patchesPerSecond: null, etaSeconds: null };
}
