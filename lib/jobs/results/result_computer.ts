import { missing } from "../../base/errors.ts";
import { joinBytes } from "../../base/join_bytes.ts";
import type { ResultTree } from "../../base/nd_array.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { CubeRecord } from "../../schemas/cube.ts";
import type { ResultRequest } from "../../schemas/job.ts";
import type { ModelManifest } from "../../schemas/model.ts";
import type { Store } from "../../store/ports/store.ts";
import { resultKey } from "./result_key.ts";
import { decodeTree, encodeTree } from "../processes/worker_channel.ts";
import type { WorkerPool } from "../processes/worker_pool.ts";

export interface ResultComputerOptions {
  store: Store;
  compute: WorkerPool;
  analysis: WorkerPool;
}

export interface ComputeContext {
  signal: AbortSignal;
  /** Who asked first, for a fair turn. */
  caller?: string;
  /** Computed for a job: never refused as `busy`. */
  promised?: boolean;
  /** Told fractions of the analysis. */
  progress?: (fraction: number) => void;
}

/** How often a model is applied for one result, where the cache does not keep it for so long. */
const MOST_ATTEMPTS = 3;

type PoolContext = Omit<ComputeContext, "progress">;

/**
 * Computes derived results in two steps: the compute process applies the model to the whole cube, once, into a file; an
 * analysis process reads that and the cube. Both are kept in the result cache.
 */
export class ResultComputer {
  readonly #options: ResultComputerOptions;
  readonly #applying = new SingleFlight<string>();

  constructor(options: ResultComputerOptions) {
    this.#options = options;
  }

  keyOf(request: ResultRequest, manifest: ModelManifest | undefined): string {
    return resultKey(request, manifest?.weights.sha256);
  }

  async cached(request: ResultRequest, key: string): Promise<ResultTree | undefined> {
    const found = await this.#options.store.results.get(request.cube, key);
    return found && decodeTree(found.bytes);
  }

  /** Whether a result that was computed found room. */
  isKept(request: ResultRequest, key: string): Promise<boolean> {
    return this.#options.store.results.has(request.cube, key);
  }

  /**
   * Computes and keeps the result. Throws `cube_missing` or `version_missing` when a cube or the model was deleted
   * meanwhile, whatever that led to.
   */
  async compute(
    request: ResultRequest,
    manifest: ModelManifest | undefined,
    context: ComputeContext,
  ): Promise<ResultTree> {
    try {
      return await this.#compute(request, manifest, context);
    } catch (error) {
      await this.#requireCubes(request);
      if (manifest) await this.#options.store.models.version(manifest.name, manifest.version);
      throw error;
    }
  }

  async #compute(
    request: ResultRequest,
    manifest: ModelManifest | undefined,
    { progress, ...context }: ComputeContext,
    attempt = 1,
  ): Promise<ResultTree> {
    const { store, analysis } = this.#options;
    const cube = await this.#requireCubes(request);
    const model = manifest && await this.#modelInput(cube, manifest, context);
    const { imaginary } = request.parameters as { imaginary?: string };
    const task = {
      result: request.result,
      cubeFolder: await store.cubes.localFolder(request.cube),
      imaginaryFolder: imaginary && await store.cubes.localFolder(imaginary),
      cubeSha256: cube.sha256,
      parameters: request.parameters as { [name: string]: ResultTree },
    };
    const onProgress = (value: ResultTree) => progress?.(Number(value));
    let value: ResultTree;
    try {
      value = await analysis.call("result", {
        ...task,
        model: model && { folder: model.folder, applied: model.applied },
      }, { ...context, onProgress });
    } catch (error) {
      // While it waited the cache gave that file's place to others.
      if (!model || await model.isThere() || attempt === MOST_ATTEMPTS) throw error;
      return await this.#compute(request, manifest, { progress, ...context }, attempt + 1);
    }
    // The cube may have been deleted meanwhile: what is derived from it must not outlive it.
    if (await store.cubes.get(request.cube)) {
      await store.results.put(request.cube, this.keyOf(request, manifest), joinBytes(encodeTree(value)));
      await this.#removeIfGone(request.cube);
    }
    return value;
  }

  /** A removal that came between the look at the cube and the writing has taken away the results before this one. */
  async #removeIfGone(cube: string): Promise<void> {
    const { store } = this.#options;
    if (!await store.cubes.get(cube)) await store.results.removeScope(cube);
  }

  /** The request's cube. Throws `cube_missing` for it and for the imaginary part's. */
  async #requireCubes({ cube, parameters }: ResultRequest): Promise<CubeRecord> {
    const { imaginary } = parameters as { imaginary?: string };
    const require = async (id: string) => {
      const record = await this.#options.store.cubes.get(id);
      if (!record) throw missing("cube_missing", `There is no cube ${id}`);
      return record;
    };
    if (imaginary) await require(imaginary);
    return await require(cube);
  }

  async #modelInput(cube: CubeRecord, manifest: ModelManifest, context: PoolContext) {
    const { store } = this.#options;
    const folder = await store.models.localFolder(manifest.name, manifest.version);
    const key = JSON.stringify(["applied", manifest.name, manifest.version, manifest.weights.sha256]);
    const applied = await this.#applying.join(
      `${cube.id} ${key}`,
      context.signal,
      (signal) => this.#apply(cube, key, folder, { ...context, signal }),
    );
    return { folder, applied, isThere: () => store.results.has(cube.id, key) };
  }

  async #apply(
    { id: cube, sha256: cubeSha256 }: CubeRecord,
    key: string,
    modelFolder: string,
    context: PoolContext,
  ): Promise<string> {
    const { store, compute } = this.#options;
    const file = await store.results.localFile(cube, key, async (paths) => {
      const cubeFolder = await store.cubes.localFolder(cube);
      await compute.call("apply", { modelFolder, cubeFolder, cubeSha256, ...paths }, context);
    });
    await this.#removeIfGone(cube);
    return file;
  }
}
