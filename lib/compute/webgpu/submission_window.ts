import type { GpuDevice } from "./gpu_device.ts";

/** Work that may be queued on the device: a prediction of another session waits for it. */
const MOST_QUEUED_MS = 60;
/** Assumed until the first steps have come back: one is submitted alone. */
const FIRST_STEP_MS = 60;

/**
 * Keeps a device busy without queueing more than it does in `MOST_QUEUED_MS`: what has been done becomes known some 10 ms
 * late, so that work has to be waiting when the last ends.
 */
export class SubmissionWindow {
  readonly #queued: { steps: number; done: Promise<void> }[] = [];
  #stepMs = FIRST_STEP_MS;
  #busySinceMs = 0;
  #stepsSince = 0;

  constructor(private readonly gpu: GpuDevice, private readonly nowMs: () => number = () => performance.now()) {}

  /** How many of `most` steps make a submission of a third of the window. */
  stepsAtOnce(most: number): number {
    return Math.max(1, Math.min(most, Math.floor(MOST_QUEUED_MS / 3 / this.#stepMs)));
  }

  /** Resolves when another submission has room. */
  async room(): Promise<void> {
    while (this.#queued.length > 0 && this.#queuedSteps() * this.#stepMs > MOST_QUEUED_MS * 2 / 3) {
      await this.#queued[0].done;
    }
  }

  /** Counts what has just been submitted, in steps or what takes about as long. */
  add(steps: number): void {
    if (this.#queued.length === 0) [this.#busySinceMs, this.#stepsSince] = [this.nowMs(), 0];
    const entry = { steps, done: this.gpu.done().finally(() => this.#leave(entry)) };
    entry.done.catch(() => {}); // whoever reads the losses learns of it
    this.#queued.push(entry);
  }

  #leave(entry: { steps: number; done: Promise<void> }): void {
    this.#queued.splice(this.#queued.indexOf(entry), 1);
    this.#stepsSince += entry.steps;
    this.#stepMs = Math.max(0.05, (this.nowMs() - this.#busySinceMs) / this.#stepsSince);
  }

  #queuedSteps(): number {
    return this.#queued.reduce((sum, { steps }) => sum + steps, 0);
  }
}
