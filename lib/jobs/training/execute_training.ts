import { type Clock, toTimestamp } from "../../base/clock.ts";
import { LoopscopeError, missing } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { isNdArray, ndArray, type ResultTree } from "../../base/nd_array.ts";
import { sleep } from "../../base/timeouts.ts";
import {
  type JobProgress,
  type JobRecord,
  trainedCubes,
  type TrainingPhase,
  type TrainRequest,
} from "../../schemas/job.ts";
import { isDiskFull } from "../../store/disk_error.ts";
import type { Store } from "../../store/ports/store.ts";
import type { JobContext } from "../queue/running_job.ts";
import type { WorkerPool } from "../processes/worker_pool.ts";
import { writeTrainedModel } from "../processes/trained_model_tree.ts";

export interface ExecutionOptions {
  store: Store;
  compute: WorkerPool;
  context: JobContext;
  clock: Clock;
  log: Log;
  /** The job fails with `timeout` after this. */
  timeoutMs?: number;
}

const ROOM_RETRY_MS = 1000;
/** A step of the largest networks takes many seconds: the device has to be free sooner. */
const CANCEL_GRACE_MS = 700;

/** Runs a training job in the compute process and keeps the model that comes out. Never makes two versions for one job. */
export async function executeTraining(
  job: JobRecord,
  request: TrainRequest,
  { store, compute, context, clock, log, timeoutMs }: ExecutionOptions,
): Promise<{ model: string; version: number }> {
  const made = await store.models.madeBy(job.id);
  if (made) return { model: made.name, version: made.version };
  if (context.draining.aborted) throw new LoopscopeError("unavailable", "draining", "The service is stopping");
  // What stops and saves is the training itself, after its epoch; the signal would throw that epoch away.
  const drain = () => void compute.call("drain", null, { promised: true }).catch(() => {});
  context.draining.addEventListener("abort", drain, { once: true });
  const onProgress = (value: ResultTree) => {
    const { epoch, checkpoint, phase } = value as {
      epoch?: ResultTree;
      checkpoint?: ResultTree;
      phase?: TrainingPhase;
    };
    if (phase) context.onPhase(phase);
    if (isNdArray(checkpoint)) void context.onCheckpoint(checkpoint.data as Uint8Array).catch(() => {}); // it is in the log
    if (epoch) context.onEpoch(epoch as unknown as JobProgress);
  };
  const trained = await compute.call("train", await trainingTask(request, store, context.checkpoint), {
    signal: context.signal,
    onProgress,
    timeoutMs,
    cancelGraceMs: CANCEL_GRACE_MS,
    promised: true,
  }).finally(() => context.draining.removeEventListener("abort", drain));
  context.onPhase("saving");
  const onWait = () => log.warn("model_waits_for_room", { job: job.id });
  const version = await untilThereIsRoom(context, onWait, () =>
    store.models.add(
      request.saveAs,
      async (folder, version) => {
        const createdAt = toTimestamp(clock.nowMs());
        await writeTrainedModel(folder, trained, { name: request.saveAs, version, createdAt });
        context.signal.throwIfAborted(); // cancelled meanwhile: nothing is kept
      },
      { madeBy: job.id },
    ));
  return { model: request.saveAs, version };
}

/** Hours of training are not thrown away for a full disk: the job waits for room, or to be cancelled. */
async function untilThereIsRoom<T>(
  { signal, draining }: JobContext,
  onWait: () => void,
  keep: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await keep();
    } catch (error) {
      signal.throwIfAborted();
      if (!isDiskFull(error) || draining.aborted) throw error;
      if (attempt === 1) onWait();
    }
    await sleep(ROOM_RETRY_MS, AbortSignal.any([signal, draining]));
  }
}

async function trainingTask(
  request: TrainRequest,
  store: Store,
  checkpoint: Uint8Array | undefined,
): Promise<ResultTree> {
  const cubes = await Promise.all(
    trainedCubes(request).map(async ({ cube: id, region }) => {
      const cube = await store.cubes.get(id);
      if (!cube) throw missing("cube_missing", `Cube ${id} is no longer there`);
      const folder = await store.cubes.localFolder(id);
      return { folder, name: cube.name, sha256: cube.sha256, ...(region ? { region } : {}) };
    }),
  );
  const [name, version] = request.from?.split("@") ?? [];
  return {
    request: request as unknown as ResultTree,
    cubes,
    fromFolder: name && await store.models.localFolder(name, Number(version)),
    checkpoint: checkpoint && ndArray(checkpoint, [checkpoint.length]),
  };
}
