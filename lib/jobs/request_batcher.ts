import { setImmediate } from "node:timers";

interface Waiting {
  samples: Float32Array;
  signal?: AbortSignal;
  resolve(result: Float32Array[]): void;
  reject(error: unknown): void;
}

export interface BatcherOptions {
  /** Values of one sample. */
  sampleSize: number;
  /** Samples gathered into one run at most; a single larger request still runs whole. */
  maxSamples: number;
  /** Runs gathered samples: each returned array has one equal row a sample. */
  run(samples: Float32Array): Promise<Float32Array[]>;
}

export interface BatchTotals {
  batches: number;
  samples: number;
  seconds: number;
}

/**
 * Gathers concurrent requests to one model and answers them together. It never waits for more: what has arrived by the
 * next turn of the event loop runs, and what arrives meanwhile makes the next batch, so that a lone request loses nothing
 * and a crowd is served in crowds.
 */
export class RequestBatcher {
  readonly #options: BatcherOptions;
  #waiting: Waiting[] = [];
  #running = false;
  /** Batches run, samples in them and the engine's time, for metrics. */
  readonly totals: BatchTotals;

  /** `totals` may be shared by several batchers. */
  constructor(options: BatcherOptions, totals: BatchTotals = { batches: 0, samples: 0, seconds: 0 }) {
    this.#options = options;
    this.totals = totals;
  }

  submit(samples: Float32Array, signal?: AbortSignal): Promise<Float32Array[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ samples, signal, resolve, reject });
      if (!this.#running) {
        this.#running = true;
        setImmediate(() => void this.#drain());
      }
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      if (batch.length > 0) await this.#runBatch(batch);
      // Lets requests in that arrived while the engine held the thread.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = false;
  }

  #take(): Waiting[] {
    const batch: Waiting[] = [];
    let samples = 0;
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0];
      const count = next.samples.length / this.#options.sampleSize;
      if (batch.length > 0 && samples + count > this.#options.maxSamples) break;
      this.#waiting.shift();
      if (next.signal?.aborted) {
        next.reject(next.signal.reason);
        continue;
      }
      samples += count;
      batch.push(next);
    }
    return batch;
  }

  async #runBatch(batch: Waiting[]): Promise<void> {
    try {
      const counts = batch.map((waiting) => waiting.samples.length / this.#options.sampleSize);
      const total = counts.reduce((a, b) => a + b, 0);
      this.totals.batches++;
      this.totals.samples += total;
      const startedMs = performance.now();
      const outputs = await this.#options.run(batch.length === 1 ? batch[0].samples : joined(batch));
      this.totals.seconds += (performance.now() - startedMs) / 1000;
      let first = 0;
      batch.forEach((waiting, i) => {
        waiting.resolve(outputs.map((output) => rows(output, total, first, counts[i])));
        first += counts[i];
      });
    } catch (error) {
      batch.forEach((waiting) => waiting.reject(error));
    }
  }
}

function joined(batch: Waiting[]): Float32Array {
  const all = new Float32Array(batch.reduce((sum, waiting) => sum + waiting.samples.length, 0));
  let at = 0;
  for (const { samples } of batch) {
    all.set(samples, at);
    at += samples.length;
  }
  return all;
}

function rows(output: Float32Array, total: number, first: number, count: number): Float32Array {
  const width = output.length / total;
  return count === total ? output : output.slice(first * width, (first + count) * width);
}
