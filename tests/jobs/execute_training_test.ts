import { createLog } from "../../lib/base/log.ts";
import { executeTraining } from "../../lib/jobs/training/execute_training.ts";
import { StoredJobQueue } from "../../lib/jobs/queue/job_queue.ts";
import { WorkerPool } from "../../lib/jobs/processes/worker_pool.ts";
import type { TrainRequest } from "../../lib/schemas/job.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assertEquals, assertFailsWith } from "../support/assert.ts";
import { addCube } from "../support/stored_cube.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

const worker = { entry: new URL("./support/echo_worker.ts", import.meta.url), permissions: [] };

Deno.test("a job that was taken just before the service began to stop is not begun", async () => {
  await using store = await temporaryStore();
  await addCube(store, { id: "cube_1" });
  const compute = new WorkerPool({ worker: () => worker, size: 1, callsPerWorker: 1, maxWaiting: 1 });
  const request = trainRequest({ cube: "cube_1" }) as TrainRequest;
  const { job } = await new StoredJobQueue(store.jobs, testClock()).submit(request, { caller: "address:1.2.3.4" });
  const context = {
    signal: new AbortController().signal,
    draining: AbortSignal.abort(),
    onEpoch() {},
    onPhase() {},
    onCheckpoint: () => Promise.resolve(),
  };
  const options = { store, compute, context, clock: testClock(), log: createLog(() => {}) };
  await assertFailsWith("draining", () => executeTraining(job, request, options));
  assertEquals(compute.busy, 0);
  await compute.close();
});
