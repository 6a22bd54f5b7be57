import type { ResultTree } from "../../lib/base/nd_array.ts";
import { StoredJobQueue } from "../../lib/jobs/job_queue.ts";
import { ResultComputer } from "../../lib/jobs/result_computer.ts";
import { WorkerPool } from "../../lib/jobs/worker_pool.ts";
import { parseSettings } from "../../lib/schemas/settings.ts";
import { Quotas } from "../../lib/service/quotas.ts";
import { createResultService } from "../../lib/service/result_service.ts";
import { assertEquals, assertFailsWith } from "../support/assert.ts";
import { addCube } from "../support/stored_cube.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

const worker = { entry: new URL("../jobs/support/echo_worker.ts", import.meta.url), permissions: [] };
const signal = new AbortController().signal;
const caller = { id: "address:1.2.3.4", requestId: "req", signal };

Deno.test("a job made of a request that waits goes on when that request loses its place to others", async () => {
  await using store = await temporaryStore();
  await addCube(store, { id: "cube_1", optionsKey: "" });
  const pool = new WorkerPool({ worker: () => worker, size: 1, callsPerWorker: 1, maxWaiting: 2 });
  const results = createResultService({
    store,
    queue: new StoredJobQueue(store.jobs, testClock()),
    computer: new ResultComputer({ store, compute: pool, analysis: pool }),
    quotas: new Quotas(store, parseSettings({}), true),
  });
  const busy = new AbortController();
  const held = assertFailsWith("cancelled", () => pool.call("forever", null, { signal: busy.signal }));
  const waiting = pool.call("echo", 1, { caller: caller.id });
  const outcome = await results.ofCube("pca", "cube_1", { components: 1 }, 0, caller);
  assertEquals(outcome.kind, "pending");
  const request = { kind: "result", result: "pca", cube: "cube_1", parameters: { components: 1 } } as const;
  const job = results.execute(request, { signal, caller: caller.id, progress: () => {} });
  const other: Promise<ResultTree> = pool.call("echo", 2, { caller: "address:5.6.7.8" });
  assertEquals(pool.waiting, 2);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(pool.waiting, 3, "the job's call waits beside the others");
  busy.abort();
  await held;
  // The echo worker has no such method: that the call was made at all is what is asked here.
  await assertFailsWith("unknown_method", () => job);
  assertEquals(await Promise.all([waiting, other]), [1, 2]);
  await pool.close();
});
