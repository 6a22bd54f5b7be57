import { type Clock, toTimestamp } from "../base/clock.ts";
import { missing } from "../base/errors.ts";
import { isNdArray, ndArray, type ResultTree } from "../base/nd_array.ts";
import type { JobProgress, JobRecord, TrainRequest } from "../schemas/job.ts";
import type { Store } from "../store/open_store.ts";
import type { JobContext } from "./running_job.ts";
import type { WorkerPool } from "./worker_pool.ts";
import { writeTrainedModel } from "./trained_model_tree.ts";

/** Runs a training job in the compute process and keeps the model that comes out. Never makes two versions for one job. */
export async function executeTraining(
  job: JobRecord,
  request: TrainRequest,
  { store, compute, context, clock }: { store: Store; compute: WorkerPool; context: JobContext; clock: Clock },
): Promise<{ model: string; version: number }> {
  const made = store.models.madeBy(job.id);
  if (made) return { model: made.name, version: made.version };
  const signal = AbortSignal.any([context.signal, context.draining]);
  const onProgress = (value: ResultTree) => {
    const { epoch, checkpoint } = value as { epoch?: ResultTree; checkpoint?: ResultTree };
    if (isNdArray(checkpoint)) void context.onCheckpoint(checkpoint.data as Uint8Array).catch(() => {});
    if (epoch) context.onEpoch(epoch as unknown as JobProgress);
  };
  const trained = await compute.call("train", trainingTask(request, store, context.checkpoint), {
    signal,
    onProgress,
  });
  const version = await store.models.add(
    request.saveAs,
    (folder, number) =>
      writeTrainedModel(folder, trained, {
        name: request.saveAs,
        version: number,
        createdAt: toTimestamp(clock.nowMs()),
      }),
    { madeBy: job.id },
  );
  return { model: request.saveAs, version };
}

function trainingTask(request: TrainRequest, store: Store, checkpoint: Uint8Array | undefined): ResultTree {
  const cube = store.cubes.get(request.cube);
  if (!cube) throw missing("cube_missing", `Cube ${request.cube} is no longer there`);
  const [name, version] = request.from?.split("@") ?? [];
  return {
    request: request as unknown as ResultTree,
    cubeFolder: store.cubes.folderOf(cube.id),
    cubeName: cube.name,
    cubeSha256: cube.sha256,
    fromFolder: name && store.models.folderOf(name, Number(version)).path,
    checkpoint: checkpoint && ndArray(checkpoint, [checkpoint.length]),
  };
}
