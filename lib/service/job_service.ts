import { missing } from "../base/errors.ts";
import type { JobQueue } from "../jobs/queue/job_queue.ts";
import type { JobRecord, TrainRequest } from "../schemas/job.ts";
import type { Store } from "../store/open_store.ts";
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
  /** Fires when the service stops: nobody is kept waiting for it. */
  stopping: AbortSignal;
}

/** Jobs as callers see them; what can be refused is refused before it waits in the queue. */
export function createJobService({ store, queue, checkWebhook, quotas, stopping }: JobServiceOptions): JobService {
  return {
    // deno-lint-ignore require-await
    async submit(request: TrainRequest, caller: Caller): Promise<JobRecord> {
      const dedupeKey = submissionKey(caller, request);
      const before = dedupeKey && store.jobs.submittedAs(dedupeKey);
      if (before) return before;
      const cube = store.cubes.get(request.cube);
      if (!cube) throw missing("cube_missing", `There is no cube ${request.cube}`);
      if (request.webhook !== undefined) checkWebhook(request.webhook);
      const resolved = resolveFrom(request, store);
      checkTrainRequest(resolved.request, cube, resolved.manifest);
      const admitted = quotas.checkTraining(caller, resolved.request, cube.shape[2]);
      quotas.checkJob(caller, "train");
      return queue.submit(admitted, { caller: quotas.ownerOf(caller), dedupeKey }).job;
    },
    get: (id, options) => queue.get(id, options),
    owns: (id, caller) => store.jobs.callerOf(queue.get(id, { bare: true }).id) === quotas.ownerOf(caller),
    list: (page) => queue.list(page),
    async cancel(id) {
      const { state } = queue.get(id, { bare: true });
      const job = queue.cancel(id);
      // One that runs is still being saved, perhaps: whoever runs it removes its checkpoint.
      if (state === "queued") await store.checkpoints.remove(id);
      return job;
    },
    events: (id, afterSequence, signal) => queue.events(id, afterSequence, AbortSignal.any([signal, stopping])),
    waitFor: (id, timeoutMs, signal) => queue.waitFor(id, timeoutMs, AbortSignal.any([signal, stopping])),
  };
}

/** An alias may move while the job waits: the number it stands for now is kept. */
function resolveFrom(request: TrainRequest, store: Store) {
  if (request.from === undefined) return { request, manifest: undefined };
  const { name, version } = parseModelReference(request.from);
  const number = store.models.resolve(name, version);
  const manifest = store.models.manifest(name, number);
  return { request: { ...request, from: `${name}@${number}` }, manifest };
}
