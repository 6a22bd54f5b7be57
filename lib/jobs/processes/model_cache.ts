import type { Engine } from "../../compute/engine.ts";
import { loadModel } from "../../training/artifact/artifact.ts";
import { type OpenModel, openModel, predictPhysical, sizeOf } from "../../training/inference/predict.ts";
import { readModelFiles } from "./read_model_files.ts";
import { type BatchTotals, RequestBatcher } from "./request_batcher.ts";

/** A model on the engine, with the batcher of its requests. */
export interface CachedModel extends OpenModel {
  /** Inputs in physical units to latents, outputs and, for an ensemble, spreads. */
  readonly predicting: RequestBatcher;
}

interface Place {
  model: Promise<CachedModel>;
  users: number;
}

export interface ModelCacheOptions {
  engine: Engine;
  /** Models kept open. */
  limit: number;
  /** Samples of several requests in one batch at most. */
  batchSamples: number;
  /** Samples of one large request in one batch. */
  pieceSamples: number;
  /** Batches of one model under way at a time; default 1. */
  concurrency?: number;
}

/** LRU cache of open models. Each is read, and its check recomputed, once: model folders never change. */
export class ModelCache {
  readonly #places = new Map<string, Place>();
  readonly #totals: BatchTotals = { batches: 0, samples: 0, seconds: 0 };

  constructor(private readonly options: ModelCacheOptions) {}

  /** Runs with the model of a folder, which stays open until then. */
  async use<T>(folder: string, run: (model: CachedModel) => Promise<T>): Promise<T> {
    const place = this.#places.get(folder) ?? { model: this.#open(folder), users: 0 };
    this.#places.delete(folder);
    this.#places.set(folder, place);
    place.users++;
    try {
      return await run(await place.model);
    } catch (error) {
      // Not cached: a model that could not be opened may be complete the next time.
      await place.model.catch(() => this.#places.delete(folder));
      throw error;
    } finally {
      place.users--;
      void this.#shrink();
    }
  }

  /** Closes every model that is not in use. */
  async clear(): Promise<void> {
    await this.#shrink(0);
  }

  /** Batches, samples and engine seconds so far, over all models. */
  get totals(): Readonly<BatchTotals> {
    return this.#totals;
  }

  async #open(folder: string): Promise<CachedModel> {
    const loaded = await loadModel(await readModelFiles(folder), this.options.engine);
    const model = await openModel(this.options.engine, loaded);
    return { ...model, predicting: this.#batcher(model) };
  }

  #batcher(model: OpenModel): RequestBatcher {
    const sampleSize = sizeOf(model.loaded, "input");
    return new RequestBatcher({
      sampleSize,
      maxSamples: this.options.batchSamples,
      pieceSamples: this.options.pieceSamples,
      concurrency: this.options.concurrency,
      async run(samples) {
        const { latent_NL, output_NO, spread_NO } = await predictPhysical(model, samples);
        return spread_NO ? [latent_NL, output_NO, spread_NO] : [latent_NL, output_NO];
      },
    }, this.#totals);
  }

  async #shrink(limit = this.options.limit): Promise<void> {
    for (const [folder, place] of this.#places) {
      if (this.#places.size <= limit) return;
      if (place.users > 0) continue;
      this.#places.delete(folder);
      await place.model.then((model) => model.close(), () => {});
    }
  }
}
