import { LoopscopeError, missing, unprocessable } from "../base/errors.ts";
import type { ResultTree } from "../base/nd_array.ts";
import type { JobQueue } from "../jobs/queue/job_queue.ts";
import { isFinished } from "../jobs/queue/job_state.ts";
import { BUSY } from "../jobs/processes/worker_pool.ts";
import { WORKER_LOST } from "../jobs/processes/worker_process.ts";
import type { ComputeContext, ResultComputer } from "../jobs/results/result_computer.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import type { ResultRequest } from "../schemas/job.ts";
import type { ModelManifest } from "../schemas/model.ts";
import type { Store } from "../store/ports/store.ts";
import { checkModelFitsCube } from "./check_model_fits_cube.ts";
import { resultTag } from "../jobs/results/result_key.ts";
import { SingleFlight } from "../base/single_flight.ts";
import { withTimeout } from "../base/timeouts.ts";
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
  execute(request: ResultRequest, context: Required<Omit<ComputeContext, "promised">>): Promise<void>;
} {
  const running = new SingleFlight<ResultTree>();
  /** By key: the job that gets the progress of a computation, whichever caller began it. */
  const told = new Map<string, (fraction: number) => void>();

  async function work(request: ResultRequest, context: Omit<ComputeContext, "progress">) {
    const { key, manifest } = await describe(request);
    const progress = (fraction: number) => told.get(key)?.(fraction);
    return await running.join(
      key,
      context.signal,
      (signal) => computer.compute(request, manifest, { ...context, signal, progress }),
    );
  }

  /** For a job. What it joins may have been begun by a mere request, which is refused where too many wait. */
  async function workAsPromised(request: ResultRequest, context: Omit<ComputeContext, "progress">): Promise<void> {
    const isBusy = (error: { code?: string }) => {
      if (error.code !== BUSY) throw error;
      return true;
    };
    while (await work(request, { ...context, promised: true }).then(() => false, isBusy));
  }

  async function describe(request: ResultRequest) {
    const cube = await requireCube(request.cube);
    const { imaginary } = request.parameters as { imaginary?: string };
    if (imaginary) await requireCube(imaginary);
    if (request.model === undefined) return { cube, manifest: undefined, key: computer.keyOf(request, undefined) };
    const manifest = await manifestOf(store, request.model);
    checkModelFitsCube(manifest, cube);
    return { cube, manifest, key: computer.keyOf(request, manifest) };
  }

  async function requireCube(id: string): Promise<CubeRecord> {
    const cube = await store.cubes.get(id);
    if (!cube) throw missing("cube_missing", `There is no cube ${id}`);
    return cube;
  }

  async function answer(request: ResultRequest, waitMs: number, caller: Caller): Promise<Outcome> {
    const { cube, manifest, key } = await describe(request);
    checkParameters(request, cube, manifest);
    const etag = resultTag(key);
    const cached = await computer.cached(request, key);
    if (cached !== undefined) return { kind: "ready", value: cached, etag };
    const givenUp = await queue.quarantined(request);
    if (givenUp) return { kind: "pending", job: givenUp };
    const gone = new AbortController();
    const signal = AbortSignal.any([caller.signal, gone.signal]);
    const owner = quotas.ownerOf(caller);
    const computing = work(request, { signal, caller: owner });
    const value = await withTimeout(computing, waitMs).catch(undefinedIfLost);
    if (value !== undefined) return { kind: "ready", value, etag };
    computing.catch(() => {});
    try {
      const admit = quotas.admitJob(caller, "result");
      const { job } = await queue.submit(request, { caller: owner, dedupeKey: key, requireUsed: true, admit });
      // The job joins the computation that is under way, so that nothing is computed twice; the request needs it only
      // as long as the job does.
      void ended(job.id).then(() => gone.abort());
      return { kind: "pending", job };
    } catch (error) {
      gone.abort();
      throw error;
    }
  }

  /** Resolves when a job has ended or is no longer there. */
  function ended(id: string): Promise<void> {
    return new Promise((resolve) => {
      const look = async () => {
        const job = await store.jobs.get(id, { bare: true }).catch(() => undefined);
        if (job && !isFinished(job.state)) return;
        unwatch();
        resolve();
      };
      const unwatch = queue.watch(id, () => void look());
      void look();
    });
  }

  return {
    ofCube: (result, cube, parameters, waitMs, caller) =>
      answer({ kind: "result", result, cube, parameters }, waitMs, caller),

    async ofModel(result, { name, version }, cube, parameters, waitMs, caller) {
      const model = `${name}@${await store.models.resolve(name, version)}`;
      return await answer({ kind: "result", result: `model.${result}`, cube, model, parameters }, waitMs, caller);
    },

    async execute(request, { signal, caller, progress }) {
      const { key } = await describe(request);
      if (await computer.cached(request, key) !== undefined) return;
      told.set(key, progress);
      try {
        await workAsPromised(request, { signal, caller });
      } finally {
        told.delete(key);
      }
      // The same GET would make a job of it again, and again.
      if (!await computer.isKept(request, key)) {
        const detail = "There was no room to keep the result; with Prefer: wait it is answered at once";
        throw new LoopscopeError("unavailable", "result_not_kept", detail);
      }
    },
  };
}

async function manifestOf(store: Store, model: string): Promise<ModelManifest> {
  const at = model.lastIndexOf("@");
  return (await store.models.version(model.slice(0, at), Number(model.slice(at + 1)))).manifest;
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
    const detail = `Components are ${components}; expected at most ${Math.min(points, rows * cols)} for a cube of ` +
      `${rows * cols} pixels and ${points} steps`;
    throw unprocessable("too_many_components", detail);
  }
  if (manifest === undefined && window !== undefined && window > Math.min(rows, cols)) {
    throw unprocessable("window_too_large", `Window is ${window}; expected at most the map's ${rows} x ${cols} pixels`);
  }
  const latent = manifest?.network.latent ?? 0;
  if (manifest && Array.isArray(dims) && dims.some((dim: number) => dim >= Math.max(2, latent))) {
    throw unprocessable("dims_outside", `Dimensions are ${dims}, the latent space has 0 to ${latent - 1}`);
  }
}

/** What kills its process is tried again as a job, which counts how often. */
function undefinedIfLost(error: unknown): undefined {
  if ((error as { code?: string }).code !== WORKER_LOST) throw error;
}
