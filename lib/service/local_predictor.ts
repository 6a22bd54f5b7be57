import { LoopscopeError } from "../base/errors.ts";
import type { NdArray, ResultTree } from "../base/nd_array.ts";
import type { Engine } from "../compute/engine.ts";
import { openWasmEngine } from "../compute/wasm/wasm_engine.ts";
import { ComputeTasks } from "../jobs/processes/compute_tasks.ts";

export type LocalMethod = "predict" | "encode" | "decode";
type Floats = NdArray & { data: Float32Array };

/** The event loop may be held this long by one request; a batch of several is split by the batcher. */
const LONGEST_MS = 2;
const MEASURED_RUNS = 3;
/** Folders whose cost is remembered; a model beyond that is measured again. */
const MOST_COSTS = 256;

export interface LocalPredictorOptions {
  threads: number;
  log: (event: string, fields: Record<string, unknown>) => void;
}

/**
 * Answers small calls in this process, with the same kernels as the compute process: the way to another process and back
 * takes longer than a small network. A model is measured when it is first used; calls that would hold the event loop for
 * longer than 2 ms, and calls before the measurement, are not taken. Kernels that fail are given up for good: the compute
 * process then answers everything.
 */
export class LocalPredictor {
  #tasks?: Promise<ComputeTasks | undefined>;
  #failed = false;
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
    if (this.#failed) return undefined;
    if (!this.#costs.has(folder)) void this.#measure(folder, method, samples);
    const cost = this.#costs.get(folder);
    if (cost === undefined || cost * samples.shape[0] > LONGEST_MS) return undefined;
    try {
      return await (await this.#open())?.[method](folder, samples, signal);
    } catch (error) {
      // What is wrong with the request, or with a client that has gone, is the caller's to know.
      if (error instanceof LoopscopeError) throw error;
      this.#giveUp(error);
      return undefined;
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
    this.#tasks ??= openWasmEngine({ threads: this.options.threads }).then((engine) => {
      this.#engine = engine;
      return new ComputeTasks(engine, { openModels: 4, batchSamples: 32 });
    }, (error) => void this.#giveUp(error));
    return this.#tasks;
  }

  #engine?: Engine;

  #giveUp(error: unknown): void {
    if (!this.#failed) this.options.log("local_predictor_failed", { error: String(error) });
    this.#failed = true;
  }

  /** Batches, samples and engine seconds so far. */
  async totals(): Promise<ResultTree | undefined> {
    return this.#failed ? undefined : (await this.#tasks)?.totals();
  }

  async close(): Promise<void> {
    this.#failed = true;
    await this.#tasks;
    await this.#engine?.close();
  }
}
