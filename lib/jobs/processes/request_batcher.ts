import { setImmediate } from "node:timers";
import { joinFloats } from "../../base/join_floats.ts";

interface Waiting {
  samples: Float32Array;
  count: number;
  signal?: AbortSignal;
  /** Finished samples and their rows, of a request that takes several batches. */
  done: number;
  outputs: Float32Array[];
  resolve(result: Float32Array[]): void;
  reject(error: unknown): void;
}

/** Some samples of a request that run together. */
interface Piece {
  request: Waiting;
  from: number;
  count: number;
}

export interface BatcherOptions {
  /** Values of one sample. */
  sampleSize: number;
  /** Samples of several requests gathered into one run at most. */
  maxSamples: number;
  /** Most samples of one larger request in one run, so that others run in between. Default `maxSamples`. */
  pieceSamples?: number;
  /** Batches under way at a time, where `run` does its work elsewhere. Default 1. */
  concurrency?: number;
  /** Runs gathered samples: each returned array has one equal row a sample. */
  run(samples: Float32Array): Promise<Float32Array[]>;
}

export interface BatchTotals {
  batches: number;
  samples: number;
  seconds: number;
}

/**
 * Batches concurrent requests to one model. It never waits for more: requests that have arrived by the next turn of the
 * event loop run, and those that arrive meanwhile make the next batch, so that a single request is not delayed and
 * concurrent ones share batches. A large request runs piece by piece between the others, and stops when its caller has
 * gone.
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
      const count = samples.length / this.#options.sampleSize;
      this.#waiting.push({ samples, count, signal, done: 0, outputs: [], resolve, reject });
      if (!this.#running) {
        this.#running = true;
        setImmediate(() => void this.#drain());
      }
    });
  }

  async #drain(): Promise<void> {
    const { concurrency = 1 } = this.#options;
    const running = new Set<Promise<void>>();
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      if (batch.length > 0) {
        const run = this.#runBatch(batch).finally(() => running.delete(run));
        running.add(run);
      }
      if (running.size >= concurrency) await Promise.race(running);
      // Lets in requests that arrived while the engine blocked the thread.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#running = false;
  }

  #take(): Piece[] {
    const { maxSamples, pieceSamples = maxSamples } = this.#options;
    const batch: Piece[] = [];
    let samples = 0;
    while (this.#waiting.length > 0) {
      const request = this.#waiting[0];
      if (request.signal?.aborted) {
        this.#waiting.shift();
        request.reject(request.signal.reason);
        continue;
      }
      const left = request.count - request.done;
      if (batch.length > 0 && samples + left > maxSamples) break;
      this.#waiting.shift();
      const count = Math.min(left, Math.max(maxSamples, pieceSamples));
      batch.push({ request, from: request.done, count });
      samples += count;
    }
    return batch;
  }

  async #runBatch(batch: Piece[]): Promise<void> {
    try {
      const total = batch.reduce((sum, { count }) => sum + count, 0);
      this.totals.batches++;
      this.totals.samples += total;
      const startedMs = performance.now();
      const outputs = await this.#options.run(this.#joined(batch));
      this.totals.seconds += (performance.now() - startedMs) / 1000;
      let first = 0;
      for (const piece of batch) {
        this.#deliver(piece, outputs.map((output) => rows(output, total, first, piece.count)));
        first += piece.count;
      }
    } catch (error) {
      batch.forEach(({ request }) => request.reject(error));
    }
  }

  /** Resolves a request that is complete; another goes to the end of the queue. */
  #deliver({ request, from, count }: Piece, outputs: Float32Array[]): void {
    if (count === request.count) return request.resolve(outputs);
    outputs.forEach((rows, i) => {
      const width = rows.length / count;
      request.outputs[i] ??= new Float32Array(request.count * width);
      request.outputs[i].set(rows, from * width);
    });
    request.done += count;
    if (request.done === request.count) request.resolve(request.outputs);
    else this.#waiting.push(request);
  }

  #joined(batch: readonly Piece[]): Float32Array {
    const { sampleSize } = this.#options;
    const parts = batch.map(({ request, from, count }) =>
      request.samples.subarray(from * sampleSize, (from + count) * sampleSize)
    );
    return parts.length === 1 ? parts[0] : joinFloats(parts);
  }
}

function rows(output: Float32Array, total: number, first: number, count: number): Float32Array {
  const width = output.length / total;
  return count === total ? output : output.slice(first * width, (first + count) * width);
}
