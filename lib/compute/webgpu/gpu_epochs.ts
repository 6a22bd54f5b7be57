import type { EpochQueue, EpochResult, EvaluationSet, Snapshot } from "../engine.ts";
import { EvaluationSets } from "./evaluation_sets.ts";
import type { GpuDevice } from "./gpu_device.ts";
import type { GpuSnapshots } from "./gpu_snapshots.ts";
import { SubmissionWindow } from "./submission_window.ts";
import { STEPS_AT_ONCE, type TrainingSteps } from "./training_steps.ts";

/** Losses that are kept on the device between two read-backs. */
export const MOST_LOSSES = 4096;

interface Submitted {
  /** Losses of the steps, a part a read-back; the last also brings the evaluations' sums. */
  readonly parts: Promise<Float32Array[]>[];
  readonly evaluations: EvaluationSets;
  readonly snapshot: Snapshot;
}

export interface GpuEpochsOptions {
  readonly gpu: GpuDevice;
  readonly steps: TrainingSteps;
  readonly snapshots: GpuSnapshots;
  readonly losses: GPUBuffer;
  readonly openSets: (sets: readonly EvaluationSet[]) => Promise<EvaluationSets>;
  /** Runs after all calls of the session before it. */
  readonly inOrder: <T>(run: () => Promise<T>) => Promise<T>;
}

/**
 * Whole epochs on the device: steps, evaluation and a copy of the state are submitted without waiting for a result, and
 * one read-back brings all losses while the next epoch runs.
 */
export class GpuEpochs implements EpochQueue {
  readonly ahead = 2;
  readonly #window: SubmissionWindow;
  #evaluations?: EvaluationSets;

  constructor(private readonly options: GpuEpochsOptions) {
    this.#window = new SubmissionWindow(options.gpu);
  }

  setEvaluationSets(sets: readonly EvaluationSet[]): Promise<void> {
    return this.options.inOrder(async () => {
      this.#evaluations?.destroy();
      this.#evaluations = undefined;
      this.#evaluations = await this.options.openSets(sets);
    });
  }

  async run(batches: readonly Int32Array[], pause: () => Promise<void>): Promise<EpochResult> {
    const { parts, evaluations, snapshot } = await this.options.inOrder(() => this.#submit(batches, pause));
    try {
      const met = await Promise.all(parts);
      const steps = Float64Array.from(met.flatMap(([losses]) => [...losses]));
      return { losses: { steps, evaluations: evaluations.losses(met.at(-1)![1]) }, snapshot };
    } catch (error) {
      snapshot.release();
      throw error;
    }
  }

  destroy(): void {
    this.#evaluations?.destroy();
  }

  async #submit(batches: readonly Int32Array[], pause: () => Promise<void>): Promise<Submitted> {
    const { steps, snapshots } = this.options;
    steps.check(batches);
    const evaluations = this.#evaluations ?? await this.options.openSets([]);
    const parts: Promise<Float32Array[]>[] = [];
    let lossAt = 0;
    for (let from = 0; from < batches.length; from += MOST_LOSSES) {
      if (from > 0) parts.push(this.#read([{ buffer: this.options.losses, floats: lossAt }]));
      const some = batches.slice(from, from + MOST_LOSSES);
      await this.#inSlices(some, (slice, at) => steps.submit(slice, at), pause);
      lossAt = some.length;
    }
    await this.#inSlices(evaluations.chunks, (slice) => evaluations.submit(slice), pause);
    const snapshot = await snapshots.take(steps.step);
    const { sums, size } = evaluations;
    parts.push(this.#read([{ buffer: this.options.losses, floats: lossAt }, { buffer: sums, floats: size }]));
    return { parts, evaluations, snapshot };
  }

  /** A few of the items a submission, as fast as the device takes them. */
  async #inSlices<T>(
    items: readonly T[],
    submit: (slice: readonly T[], at: number) => void,
    pause: () => Promise<void>,
  ): Promise<void> {
    for (let at = 0; at < items.length;) {
      await pause();
      await this.#window.room();
      const slice = items.slice(at, at + this.#window.stepsAtOnce(STEPS_AT_ONCE));
      submit(slice, at);
      this.#window.add(slice.length);
      at += slice.length;
    }
  }

  #read(buffers: Parameters<GpuDevice["read"]>[0]): Promise<Float32Array[]> {
    const reading = this.options.gpu.read(buffers);
    reading.catch(() => {}); // the epoch fails by it, or has failed before
    return reading;
  }
}
