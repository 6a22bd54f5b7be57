import { missing } from "../base/errors.ts";
import type { JobQueue } from "../jobs/job_queue.ts";
import type { JobRecord, TrainRequest } from "../schemas/job.ts";
import type { Store } from "../store/open_store.ts";
import { checkTrainRequest } from "./check_train_request.ts";
import { parseModelReference } from "./model_reference.ts";
import type { Caller, JobService } from "./services.ts";

export interface JobServiceOptions {
  store: Store;
  queue: JobQueue;
  /** Throws unless the owner allowed the host. */
  checkWebhook(url: string): void;
}

/** Jobs as callers see them; what can be refused is refused before it waits in the queue. */
export function createJobService({ store, queue, checkWebhook }: JobServiceOptions): JobService {
  return {
    // deno-lint-ignore require-await
    async submit(request: TrainRequest, caller: Caller): Promise<JobRecord> {
      const cube = store.cubes.get(request.cube);
      if (!cube) throw missing("cube_missing", `There is no cube ${request.cube}`);
      if (request.webhook !== undefined) checkWebhook(request.webhook);
      const resolved = resolveFrom(request, store);
      checkTrainRequest(resolved.request, cube, resolved.manifest);
      return queue.submit(resolved.request, { caller: caller.id }).job;
    },
    get: (id) => queue.get(id),
    list: (page) => queue.list(page),
    // deno-lint-ignore require-await
    cancel: async (id) => queue.cancel(id),
    events: (id, afterSequence, signal) => queue.events(id, afterSequence, signal),
    waitFor: (id, timeoutMs, signal) => queue.waitFor(id, timeoutMs, signal),
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
