import { missing, unprocessable } from "../base/errors.ts";
import type { ResultTree } from "../base/nd_array.ts";
import type { JobQueue } from "../jobs/job_queue.ts";
import type { ResultComputer } from "../jobs/result_computer.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import type { ResultRequest } from "../schemas/job.ts";
import type { ModelManifest } from "../schemas/model.ts";
import type { Store } from "../store/open_store.ts";
import { checkModelFitsCube } from "./check_model_fits_cube.ts";
import { resultTag } from "../jobs/result_key.ts";
import { SharedWork } from "../base/shared_work.ts";
import type { Quotas } from "./quotas.ts";
import type { Caller, Outcome, ResultService } from "./services.ts";

export interface ResultServiceOptions {
  store: Store;
  queue: JobQueue;
  computer: ResultComputer;
  quotas: Quotas;
}

/** Derived results: from the cache, computed while the caller waits, or as a job that fills the cache. */
export function createResultService({ store, queue, computer, quotas }: ResultServiceOptions): ResultService & {
  /** Runs a result job; joins a computation that is under way. */
  execute(request: ResultRequest, signal: AbortSignal, progress: (fraction: number) => void): Promise<void>;
} {
  const running = new SharedWork<ResultTree>();

  function describe(request: ResultRequest) {
    const cube = store.cubes.get(request.cube);
    if (!cube) throw missing("cube_missing", `There is no cube ${request.cube}`);
    if (request.model === undefined) return { cube, manifest: undefined, key: computer.keyOf(request, undefined) };
    const manifest = manifestOf(store, request.model);
    checkModelFitsCube(manifest, cube);
    return { cube, manifest, key: computer.keyOf(request, manifest) };
  }

  async function answer(request: ResultRequest, waitMs: number, caller: Caller): Promise<Outcome> {
    const { cube, manifest, key } = describe(request);
    checkParameters(request, cube, manifest);
    const etag = resultTag(key);
    const cached = await computer.cached(request, key);
    if (cached !== undefined) return { kind: "ready", value: cached, etag };
    const gone = new AbortController();
    const signal = AbortSignal.any([caller.signal, gone.signal]);
    const work = running.join(
      key,
      signal,
      (signal) => computer.compute(request, manifest, { signal, caller: caller.id }),
    );
    const value = await Promise.race([work, sleep(waitMs)]);
    if (value !== undefined) return { kind: "ready", value, etag };
    work.catch(() => {});
    try {
      quotas.checkJob(caller, "result");
      // The job joins the computation that is under way, so that nothing is done twice.
      const { job } = queue.submit(request, { caller: quotas.ownerOf(caller), dedupeKey: key });
      return { kind: "pending", job };
    } catch (error) {
      gone.abort();
      throw error;
    }
  }

  return {
    ofCube: (result, cube, parameters, waitMs, caller) =>
      answer({ kind: "result", result, cube, parameters }, waitMs, caller),

    ofModel(result, { name, version }, cube, parameters, waitMs, caller) {
      const model = `${name}@${store.models.resolve(name, version)}`;
      return answer({ kind: "result", result: `model.${result}`, cube, model, parameters }, waitMs, caller);
    },

    async execute(request, signal, progress) {
      const { key, manifest } = describe(request);
      if (await computer.cached(request, key) !== undefined) return;
      await running.join(key, signal, (signal) => computer.compute(request, manifest, { signal, progress }));
    },
  };
}

function manifestOf(store: Store, model: string): ModelManifest {
  const at = model.lastIndexOf("@");
  return store.models.manifest(model.slice(0, at), Number(model.slice(at + 1)));
}

/** What can be seen to be wrong from the shapes alone is refused before anything is computed. */
function checkParameters(request: ResultRequest, cube: CubeRecord, manifest: ModelManifest | undefined): void {
  const { row, col, components, window, dims } = request.parameters as Record<string, number & number[]>;
  const [rows, cols, points] = cube.shape;
  if (row !== undefined && (row >= rows || col >= cols)) {
    const detail = `The pixel is row ${row}, column ${col}, the cube has ${rows} rows and ${cols} columns`;
    throw unprocessable("outside_cube", detail);
  }
  if ((request.result === "pca" || request.result === "nmf") && components > Math.min(points, rows * cols)) {
    const detail = `Wanted ${components} components, a cube of ${rows * cols} pixels and ${points} steps has at most ` +
      `${Math.min(points, rows * cols)}`;
    throw unprocessable("too_many_components", detail);
  }
  if (manifest === undefined && window !== undefined && window > Math.min(rows, cols)) {
    throw unprocessable("window_too_large", `Window is ${window}, the map is only ${rows} x ${cols} pixels`);
  }
  const latent = manifest?.network.latent ?? 0;
  if (manifest && Array.isArray(dims) && dims.some((dim: number) => dim >= latent)) {
    throw unprocessable("dims_outside", `Dimensions are ${dims}, the latent space has 0 to ${latent - 1}`);
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}
