import { LoopscopeError } from "../../base/errors.ts";
import type { PairSet } from "../training_data.ts";
import {
  type BaselinePredictions,
  kernelBaseline,
  meanBaseline,
  nearestBaseline,
  predictBaselines,
  treesBaseline,
} from "./baselines.ts";
import { type LinearModel, predictLinear } from "./ridge.ts";

/** The baselines that take long, the longest first. */
const FITTED = { kernelRidge: kernelBaseline, trees: treesBaseline, nearest: nearestBaseline } as const;
type FittedName = keyof typeof FITTED;
const NAMES = Object.keys(FITTED) as FittedName[];

/** Fewer training pixels than these are done before a thread has started. */
const FEW_PIXELS = 500;

export interface BaselineThreadsOptions {
  cols: number;
  window: number;
  seed: number;
  /** Fitted already. */
  ridge: LinearModel;
  /** Most threads at once; at least 1. */
  threads: number;
  signal: AbortSignal;
}

/** What a thread is given. */
export interface BaselineTask {
  name: FittedName;
  train: PairSet;
  test: PairSet;
  options: { cols: number; window: number; seed: number };
}
export type BaselineAnswer = { output_MO: Float32Array } | { error: string };

/** What the thread does with it. */
export async function runBaselineTask({ name, train, test, options }: BaselineTask): Promise<Float32Array> {
  return await FITTED[name](train, test, { ...options, pause: () => Promise.resolve() });
}

/**
 * The baselines of `predictBaselines`, fitted on threads of their own beside whatever the caller does. They start with
 * `begin`, or else when they are first asked for.
 */
export class BaselineThreads {
  readonly #workers = new Set<Worker>();
  readonly #stopped = new AbortController();
  #predictions?: Promise<BaselinePredictions>;

  constructor(
    private readonly train: PairSet,
    private readonly test: PairSet,
    private readonly options: BaselineThreadsOptions,
  ) {}

  begin(): void {
    this.predictions().catch(() => {}); // whoever asks for them learns of it
  }

  /** Throws `cancelled` once the signal fires. */
  predictions(): Promise<BaselinePredictions> {
    return this.#predictions ??= this.#run();
  }

  /** Ends the threads; predictions that are not there yet fail. */
  stop(): void {
    this.#stopped.abort();
    for (const worker of this.#workers) worker.terminate();
    this.#workers.clear();
  }

  async #run(): Promise<BaselinePredictions> {
    const { train, test, options } = this;
    const mean = meanBaseline(train, test);
    const ridge = predictLinear(options.ridge, test.input_NI);
    const fitted = train.pixels.length < FEW_PIXELS ? await this.#fitHere() : await this.#fitOnThreads();
    return { mean, ridge, ...fitted };
  }

  async #fitHere() {
    const { cols, window, seed, signal } = this.options;
    const pause = () => Promise.resolve(signal.throwIfAborted());
    const { nearest, kernelRidge, trees } = await predictBaselines(this.train, this.test, {
      cols,
      window,
      seed,
      pause,
    });
    return { nearest, kernelRidge, trees };
  }

  async #fitOnThreads(): Promise<Record<FittedName, Float32Array>> {
    const { cols, window, seed, threads } = this.options;
    const [train, test] = [shared(this.train), shared(this.test)];
    const waiting = [...NAMES];
    const results: Partial<Record<FittedName, Float32Array>> = {};
    const work = async () => {
      for (let name = waiting.shift(); name; name = waiting.shift()) {
        results[name] = await this.#onThread({ name, train, test, options: { cols, window, seed } });
      }
    };
    await Promise.all(Array.from({ length: Math.min(threads, NAMES.length) }, work));
    return results as Record<FittedName, Float32Array>;
  }

  async #onThread(task: BaselineTask): Promise<Float32Array> {
    const ended = AbortSignal.any([this.options.signal, this.#stopped.signal]);
    if (ended.aborted) throw cancelled();
    const worker = new Worker(new URL("./baseline_thread.ts", import.meta.url), { type: "module" });
    this.#workers.add(worker);
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array>();
    const onEnd = () => reject(cancelled());
    ended.addEventListener("abort", onEnd);
    worker.onmessage = ({ data }: MessageEvent<BaselineAnswer>) => {
      if ("error" in data) reject(new Error(`The baseline ${task.name} failed: ${data.error}`));
      else resolve(data.output_MO);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The baseline ${task.name} failed: ${event.message}`));
    };
    worker.postMessage(task);
    try {
      return await promise;
    } finally {
      ended.removeEventListener("abort", onEnd);
      worker.terminate();
      this.#workers.delete(worker);
    }
  }
}

/** The same pairs in memory that threads share. */
function shared({ pixels, input_NI, target_NO }: PairSet): PairSet {
  const floats = (values: Float32Array) => {
    const copy = new Float32Array(new SharedArrayBuffer(values.byteLength));
    copy.set(values);
    return copy as unknown as Float32Array<ArrayBuffer>;
  };
  return { pixels, input_NI: floats(input_NI), target_NO: floats(target_NO) };
}

function cancelled(): LoopscopeError {
  return new LoopscopeError("cancelled", "cancelled", "The work was stopped before its end");
}
