import { LoopscopeError } from "../base/errors.ts";
import type { NdArray, ResultTree } from "../base/nd_array.ts";
import type { Engine } from "../compute/engine.ts";
import { openSplitEngine } from "../compute/wasm/split_engine.ts";
import type { BatchTotals } from "../jobs/processes/request_batcher.ts";
import { ComputeTasks } from "../jobs/processes/compute_tasks.ts";

export type LocalMethod = "predict" | "encode" | "decode";
type Floats = NdArray & { data: Float32Array };

/** The event loop may be held this long by one sample, and as long a batch may take on the other thread. */
const LONGEST_MS = 2;
const LONGEST_BATCH_MS = 20;
/** Beyond this many calls the compute process and its bounded queue take over, which refuses what it cannot serve. */
const MOST_PENDING = 96;
const OPEN_MODELS = 4;
/** Small batches, several of them under way: the next requests are read while the other thread works. */
const BATCH_SAMPLES = 8;
const BATCHES_AT_ONCE = 3;
const MEASURED_RUNS = 3;
/** Folders whose cost is remembered; a model beyond that is measured again. */
const MOST_COSTS = 256;

export interface LocalPredictorOptions {
  log: (event: string, fields: Record<string, unknown>) => void;
}

/**
 * Answers small calls in this process, with the same kernels as the compute process: the way to another process and back
 * takes longer than a small network. A model is measured when it is first used; calls that would take too long, and calls
 * before the measurement, are not taken. Kernels that fail are given up for good: the compute
 * process then answers everything.
 */
export class LocalPredictor {
  #tasks?: Promise<ComputeTasks | undefined>;
  #failed = false;
  #pending = 0;
  /** Milliseconds a sample by model folder; undefined while it is being measured. */
  readonly #costs = new Map<string, number | undefined>();

  constructor(private readonly options: LocalPredictorOptions) {}

  /** The result, or undefined where the compute process has to answer. */
  async answer(
    method: LocalMethod,
    folder: string,
    samples: Floats,
    signal: AbortSignal,
  ): Promise<ResultTree | undefined> {
    if (this.#failed || this.#pending >= MOST_PENDING) return undefined;
    if (!this.#costs.has(folder)) void this.#measure(folder, method, samples);
    const cost = this.#costs.get(folder);
    if (cost === undefined || cost > LONGEST_MS || cost * samples.shape[0] > mostMs(method)) return undefined;
    this.#pending++;
    try {
      return await (await this.#open())?.[method](folder, samples, signal);
    } catch (error) {
      // What is wrong with the request, or with a client that has gone, is the caller's to know.
      if (error instanceof LoopscopeError) throw error;
      this.#giveUp(error);
      return undefined;
    } finally {
      this.#pending--;
    }
  }

  /** How long one sample takes, after the kernels are warm. */
  async #measure(folder: string, method: LocalMethod, samples: Floats): Promise<void> {
    this.#costs.set(folder, undefined);
    if (this.#costs.size > MOST_COSTS) this.#costs.delete(this.#costs.keys().next().value!);
    try {
      const tasks = await this.#open();
      if (!tasks) return;
      const size = samples.data.length / samples.shape[0];
      const one = { ...samples, shape: [1, ...samples.shape.slice(1)], data: samples.data.slice(0, size) } as Floats;
      const never = new AbortController().signal;
      let cost = Infinity;
      for (let run = 0; run < MEASURED_RUNS; run++) {
        const startedMs = performance.now();
        await tasks[method](folder, one, never);
        cost = Math.min(cost, performance.now() - startedMs);
      }
      this.#costs.set(folder, cost);
    } catch (error) {
      this.#costs.delete(folder);
      if (!(error instanceof LoopscopeError)) this.#giveUp(error);
    }
  }

  #open(): Promise<ComputeTasks | undefined> {
    this.#tasks ??= openSplitEngine().then((engine) => {
      this.#engine = engine;
      return new ComputeTasks(engine, {
        limit: OPEN_MODELS,
        batchSamples: BATCH_SAMPLES,
        concurrency: BATCHES_AT_ONCE,
      });
    }, (error) => void this.#giveUp(error));
    return this.#tasks;
  }

  #engine?: Engine;

  #giveUp(error: unknown): void {
    if (!this.#failed) this.options.log("local_predictor_failed", { error: String(error) });
    this.#failed = true;
  }

  /** Batches, samples and engine seconds so far. */
  async totals(): Promise<Readonly<BatchTotals> | undefined> {
    return (await this.#tasks)?.totals();
  }

  async close(): Promise<void> {
    this.#failed = true;
    await this.#tasks;
    await this.#engine?.close();
  }
}

/** Only predictions of several samples have a thread of their own. */
function mostMs(method: LocalMethod): number {
  return method === "predict" ? LONGEST_BATCH_MS : LONGEST_MS;
}
