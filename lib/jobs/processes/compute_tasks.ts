import { type NdArray, ndArray, type ResultTree } from "../../base/nd_array.ts";
import type { Engine } from "../../compute/engine.ts";
import { preparationOf, repeatPreparation } from "../../cube/repeat_preparation.ts";
import type { Axis } from "../../schemas/cube.ts";
import type { Region, TrainRequest } from "../../schemas/job.ts";
import type { NetworkOptions, Scaler } from "../../schemas/model.ts";
import { openCubeFile } from "../../store/cube_files/cube_file.ts";
import { writeLargeFileDurably } from "../../store/durable.ts";
import { applyModel } from "../../training/inference/apply.ts";
import { importCheckpoint } from "../../training/artifact/import_checkpoint.ts";
import { readModelArchive } from "../../training/artifact/model_archive.ts";
import { throwIfCancelled } from "../../training/pause.ts";
import { decodePhysical, encodePhysical, predictionWarnings, sizeOf } from "../../training/inference/predict.ts";
import { predictImageInBands } from "../../training/inference/predict_image_in_bands.ts";
import { manifestForCube } from "../../training/evaluation/manifest_for_cube.ts";
import type { TrainingCube } from "../../training/training_cubes.ts";
import { trainModel } from "../../training/train.ts";
import type { BatchTotals } from "./request_batcher.ts";
import { WaitGroup } from "./wait_group.ts";
import { SerialQueue } from "./serial_queue.ts";
import { type CachedModel, ModelCache, type ModelCacheOptions } from "./model_cache.ts";
import { trainedModelTree } from "./trained_model_tree.ts";
import { encodeTree } from "./worker_channel.ts";

type Floats = NdArray & { data: Float32Array };
/** Models kept open, and samples gathered into one batch. */
const OPEN_MODELS = 8;
const BATCH_SAMPLES = 64;
/** Samples of one large request at a time: bounds how long a single patch of another caller waits. */
const PIECE_SAMPLES = 256;
/** A result of more values (16 MiB) is large. */
const LARGE_VALUES = 2 ** 22;
/**
 * Longest time that training waits for predictions before its next slice, so that it progresses under a steady load.
 */
const GIVE_WAY_MS = 150;
/** Error codes of engines that have run out of memory. */
const OUT_OF_MEMORY = ["out_of_memory", "gpu_memory"];

export interface ApplyTask {
  modelFolder: string;
  cubeFolder: string;
  cubeSha256: string;
  /** Written first … */
  draft: string;
  /** … and renamed to this when it is whole. */
  file: string;
}

export interface TrainTask {
  request: TrainRequest;
  /** At least one. */
  cubes: { folder: string; name: string; sha256: string; region?: Region }[];
  fromFolder?: string;
  checkpoint?: NdArray & { data: Uint8Array };
}

export interface ArchiveTask {
  archive: NdArray & { data: Uint8Array };
  /** Unpacked. */
  maxBytes: number;
}

export interface ImportTask {
  network: NetworkOptions;
  axis?: Axis;
  scaler?: Scaler;
  weights: NdArray & { data: Uint8Array };
}

/** The tasks of the compute process on its one engine. */
export class ComputeTasks {
  readonly #models: ModelCache;
  readonly #predicting = new WaitGroup();
  readonly #large = new SerialQueue();
  readonly #applying = new SerialQueue();
  #draining = false;

  constructor(
    private readonly engine: Engine,
    options: Partial<Pick<ModelCacheOptions, "limit" | "batchSamples" | "concurrency">> = {},
  ) {
    this.#models = new ModelCache({
      engine,
      limit: OPEN_MODELS,
      batchSamples: BATCH_SAMPLES,
      pieceSamples: PIECE_SAMPLES,
      ...options,
    });
  }

  /** samples: N x the input's shape. `{outputs, latents, spread?, warnings}` with sample axes. */
  predict(folder: string, samples: Floats, signal: AbortSignal): Promise<ResultTree> {
    return this.#usePromptly(folder, signal, samples.shape[0], async (model) => {
      const { manifest } = model.loaded;
      const [latent, output, spread] = await model.predicting.submit(samples.data, signal);
      const count = samples.shape[0];
      const latents = ndArray(latent, [count, manifest.network.latent]);
      const shape = [count, ...model.loaded.network.outputShape.slice(1)];
      const warnings = predictionWarnings(manifest, samples.data, latent);
      return { outputs: ndArray(output, shape), latents, spread: spread && ndArray(spread, shape), warnings };
    });
  }

  predictImage(folder: string, image: Floats, signal: AbortSignal): Promise<ResultTree> {
    return this.#usePromptly(folder, signal, image.data.length, async (model) => {
      const [rows, cols] = image.shape;
      const applied = await predictImageInBands(model, { image_HW: image.data, rows, cols }, signal);
      const { points, latent } = model.loaded.manifest.network;
      const shape = [applied.rows, applied.cols, points];
      return {
        outputs: ndArray(applied.output_HWS, shape),
        latents: ndArray(applied.latent_HWL, [applied.rows, applied.cols, latent]),
        spread: applied.spread_HWS && ndArray(applied.spread_HWS, shape),
        positions: { row0: applied.row0, col0: applied.col0, rows: applied.rows, cols: applied.cols },
        warnings: applied.warnings,
      };
    });
  }

  encode(folder: string, samples: Floats, signal: AbortSignal): Promise<ResultTree> {
    return this.#usePromptly(folder, signal, samples.shape[0], async (model) => {
      const { latent_NL, warnings } = await encodePhysical(model, samples.data, signal);
      return { latents: ndArray(latent_NL, [samples.shape[0], model.loaded.manifest.network.latent]), warnings };
    });
  }

  decode(folder: string, latents: Floats, signal: AbortSignal): Promise<ResultTree> {
    return this.#usePromptly(folder, signal, latents.shape[0], async (model) => {
      const { output_NO, warnings } = await decodePhysical(model, latents.data, signal);
      const shape = [latents.shape[0], ...model.loaded.network.outputShape.slice(1)];
      return { outputs: ndArray(output_NO, shape), warnings };
    });
  }

  /**
   * Applies a model to a whole cube into a file that `readAppliedFile` reads. Of large ones only one is being made at a
   * time: all of it is held until it is whole.
   */
  async apply(task: ApplyTask, signal: AbortSignal): Promise<ResultTree> {
    const [rows, cols] = await withCube(task.cubeFolder, (cube) => Promise.resolve(cube.shape));
    const size = await this.#use(task.modelFolder, ({ loaded }) => Promise.resolve(sizeOf(loaded, "output")));
    const begin = () => this.#use(task.modelFolder, (model) => applyToFile(task, model, signal));
    return rows * cols * size > LARGE_VALUES ? await this.#applying.run(begin, signal) : await begin();
  }

  /** Trains; progress is `{phase}`, `{epoch}` or `{checkpoint}`. Returns what `writeTrainedModel` takes. */
  async train(
    task: TrainTask,
    context: { signal: AbortSignal; progress(value: ResultTree): void },
  ): Promise<ResultTree> {
    const { request } = task;
    let checkpoint = task.checkpoint?.data;
    const run = (engine: Engine, from?: Parameters<typeof trainModel>[0]["from"]) =>
      withTrainingCubes(task.cubes, async ([first, ...others]) => {
        const events = trainModel({
          ...first,
          ...{ others, request, from, checkpoint, engine, signal: context.signal },
          nowMs: () => performance.now(),
          isDraining: () => this.#draining,
          yieldToPredictions: () => this.#predicting.quiet(GIVE_WAY_MS),
        });
        while (true) {
          const { done, value } = await events.next();
          if (done) return trainedModelTree(value);
          if (value.kind === "checkpoint") {
            checkpoint = value.bytes;
            context.progress({ checkpoint: ndArray(value.bytes, [value.bytes.length]) });
          } else if (value.kind === "phase") {
            context.progress({ phase: value.phase });
          } else {
            const { kind: _, ...epoch } = value;
            context.progress({ epoch });
          }
        }
      });
    const { fromFolder } = task;
    return await this.#withRoom((engine) =>
      fromFolder ? this.#models.use(fromFolder, (model) => run(engine, model.loaded)) : run(engine)
    );
  }

  async import({ network, axis, scaler, weights }: ImportTask): Promise<ResultTree> {
    return trainedModelTree(
      await this.#withRoom((engine) => importCheckpoint({ network, axis, scaler, weights: weights.data, engine })),
    );
  }

  /** A model archive of somebody else's making; returns `{name, trained}`, the latter as `writeTrainedModel` takes it. */
  async importArchive({ archive, maxBytes }: ArchiveTask): Promise<ResultTree> {
    const { name, trained } = await this.#withRoom((engine) => readModelArchive(archive.data, { maxBytes, engine }));
    return { name, trained: trainedModelTree(trained) };
  }

  /**
   * A client waits for the response, so training yields. Nothing is begun for a client that has gone. Large
   * responses are made one at a time, since each is held in memory until it is complete.
   */
  #usePromptly(
    folder: string,
    signal: AbortSignal,
    count: number,
    run: (model: CachedModel) => Promise<ResultTree>,
  ): Promise<ResultTree> {
    return this.#predicting.with(() =>
      this.#use(folder, (model) => {
        const begin = () => run(model);
        const isLarge = count * sizeOf(model.loaded, "output") > LARGE_VALUES;
        throwIfCancelled(signal);
        return isLarge ? this.#large.run(begin, signal) : begin();
      })
    );
  }

  #use<T>(folder: string, run: (model: CachedModel) => Promise<T>): Promise<T> {
    return this.#withRoom(() => this.#models.use(folder, run));
  }

  /**
   * Where the engine has no memory left, tries again after closing the models that are not in use, and at last on the CPU
   * beside a GPU.
   */
  async #withRoom<T>(run: (engine: Engine) => Promise<T>): Promise<T> {
    try {
      return await run(this.engine);
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      await this.#models.clear();
    }
    try {
      return await run(this.engine);
    } catch (error) {
      const { smallCalls } = this.engine;
      if (!isOutOfMemory(error) || !smallCalls) throw error;
      console.error(`The CPU takes over what the GPU has no memory for: ${(error as Error).message}`);
      return await run(smallCalls.engine);
    }
  }

  /** Stops training after the current epoch, with a checkpoint and the error `draining`. */
  drain(): void {
    this.#draining = true;
  }

  totals(): BatchTotals {
    return { ...this.#models.totals };
  }
}

function isOutOfMemory(error: unknown): boolean {
  return OUT_OF_MEMORY.includes((error as { code: string }).code);
}

async function applyToFile(
  { cubeFolder, cubeSha256, draft, file }: ApplyTask,
  model: CachedModel,
  signal: AbortSignal,
): Promise<ResultTree> {
  const { row0, col0, rows, cols, latent_HWL, output_HWO, spread_HWO } = await withCube(cubeFolder, (cube) => {
    const manifest = manifestForCube(model.loaded.manifest, { cubeSha256, shape: cube.shape });
    const prepared = repeatPreparation(cube, preparationOf(cube.meta.provenance), manifest.preparation);
    return applyModel(prepared, { ...model, loaded: { ...model.loaded, manifest } }, { signal });
  });
  const arrays = { latent: flat(latent_HWL), output: flat(output_HWO), spread: spread_HWO && flat(spread_HWO) };
  await writeLargeFileDurably(file, encodeTree({ row0, col0, rows, cols, ...arrays }), draft);
  return null;
}

async function withTrainingCubes<T>(
  cubes: TrainTask["cubes"],
  run: (opened: TrainingCube[]) => Promise<T>,
  opened: TrainingCube[] = [],
): Promise<T> {
  const [next, ...rest] = cubes;
  if (!next) return await run(opened);
  return await withCube(next.folder, (cube) => {
    const { name: cubeName, sha256: cubeSha256, region } = next;
    const preparation = preparationOf(cube.meta.provenance);
    return withTrainingCubes(rest, run, [...opened, { cube, cubeName, cubeSha256, preparation, region }]);
  });
}

async function withCube<T>(folder: string, run: (cube: ReturnType<typeof openCubeFile>) => Promise<T>): Promise<T> {
  const cube = openCubeFile(folder);
  try {
    return await run(cube);
  } finally {
    cube.close();
  }
}

function flat(values: Float32Array): NdArray {
  return ndArray(values, [values.length]);
}
