import { missing } from "../base/errors.ts";
import type { JobQueue } from "../jobs/queue/job_queue.ts";
import { type JobRecord, trainedCubes, type TrainRequest } from "../schemas/job.ts";
import type { Store } from "../store/ports/store.ts";
import { checkTrainRequest } from "./check_train_request.ts";
import { parseModelReference } from "./model_reference.ts";
import type { Quotas } from "./quotas.ts";
import { submissionKey } from "./submission_key.ts";
import type { Caller, JobService } from "./services.ts";

export interface JobServiceOptions {
  store: Store;
  queue: JobQueue;
  /** Throws unless the owner allowed the host. */
  checkWebhook(url: string): void;
  quotas: Quotas;
  /** Fires when the service stops, and ends every wait. */
  stopping: AbortSignal;
}

/** Jobs as callers see them; what can be refused is refused before it waits in the queue. */
export function createJobService({ store, queue, checkWebhook, quotas, stopping }: JobServiceOptions): JobService {
  return {
    async submit(request: TrainRequest, caller: Caller): Promise<JobRecord> {
      const dedupeKey = submissionKey(caller, request);
      const before = dedupeKey && await store.jobs.submittedAs(dedupeKey);
      if (before) return before;
      const cubes = await Promise.all(
        trainedCubes(request).map(async ({ cube: id }) => {
          const cube = await store.cubes.get(id);
          if (!cube) throw missing("cube_missing", `There is no cube ${id}`);
          return cube;
        }),
      );
      if (request.webhook !== undefined) checkWebhook(request.webhook);
      const resolved = await resolveFrom(request, store);
      checkTrainRequest(resolved.request, cubes, resolved.manifest);
      const admitted = quotas.checkTraining(caller, resolved.request, cubes[0].shape[2]);
      const { job } = await queue.submit(admitted, {
        caller: quotas.ownerOf(caller),
        dedupeKey,
        dedupe: "ever",
        requireUsed: true,
        admit: quotas.admitJob(caller, "train"),
      });
      return job;
    },
    get: (id, options) => queue.get(id, options),
    async owns(id, caller) {
      await queue.get(id, { bare: true });
      return await store.jobs.callerOf(id) === quotas.ownerOf(caller);
    },
    list: (page) => queue.list(page),
    async cancel(id) {
      const { job, wasRunning } = await queue.cancel(id);
      // The checkpoint of a running one may still be written: its runner removes it.
      if (!wasRunning) await store.checkpoints.remove(id);
      return job;
    },
    events: (id, afterSequence, signal) => queue.events(id, afterSequence, AbortSignal.any([signal, stopping])),
    waitFor: (id, timeoutMs, signal) => queue.waitFor(id, timeoutMs, AbortSignal.any([signal, stopping])),
  };
}

/** An alias may move while the job waits: the number it stands for now is kept. */
async function resolveFrom(request: TrainRequest, store: Store) {
  if (request.from === undefined) return { request, manifest: undefined };
  const { name, version } = parseModelReference(request.from);
  const number = await store.models.resolve(name, version);
  const { manifest } = await store.models.version(name, number);
  return { request: { ...request, from: `${name}@${number}` }, manifest };
}
