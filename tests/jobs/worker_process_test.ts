import { ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { WorkerProcess } from "../../lib/jobs/processes/worker_process.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

const entry = new URL("./support/echo_worker.ts", import.meta.url);

async function withWorker(run: (worker: WorkerProcess) => Promise<void>): Promise<void> {
  const worker = new WorkerProcess({ entry, permissions: [] });
  try {
    await run(worker);
  } finally {
    await worker.close();
  }
}

Deno.test("a worker returns nested values and arrays unchanged", () =>
  withWorker(async (worker) => {
    const value: ResultTree = {
      text: "Grüße",
      list: [1, null, { inner: ndArray(new Uint8Array([1, 2, 3]), [3]) }],
      map: ndArray(new Float32Array([1.5, NaN, -3, 4]), [2, 2]),
      fine: ndArray(new Float64Array([Math.PI]), [1]),
      labels: ndArray(new Int32Array([-7, 8]), [2, 1]),
    };
    assertEquals(await worker.call("echo", value), value);
  }));

Deno.test("calls run concurrently and large arrays arrive whole", () =>
  withWorker(async (worker) => {
    const large = ndArray(new Float32Array(3_000_000).map((_, i) => i % 1000), [3000, 1000]);
    const answers = await Promise.all([1, 2, 3].map((n) => worker.call("echo", { n, large })));
    answers.forEach((answer, i) => assertEquals(answer, { n: i + 1, large }));
  }));

Deno.test("an error keeps its kind, code and message", () =>
  withWorker(async (worker) => {
    const error = await assertFailsWith("too_odd", () => worker.call("fail", null));
    assertEquals(error.message, "Received 3; expected an even number");
    await assertFailsWith("unknown_method", () => worker.call("nothing", null));
  }));

Deno.test("progress comes in order before the result", () =>
  withWorker(async (worker) => {
    const met: ResultTree[] = [];
    assertEquals(await worker.call("count", 5, { onProgress: (value) => met.push(value) }), "counted");
    assertEquals(met, [1, 2, 3, 4, 5]);
  }));

Deno.test("a cancelled call ends at once and the worker lives on", () =>
  withWorker(async (worker) => {
    const controller = new AbortController();
    const call = worker.call("forever", null, { signal: controller.signal });
    controller.abort();
    await assertFailsWith("cancelled", () => call);
    await assertFailsWith("timeout", () => worker.call("forever", null, { timeoutMs: 20 }));
    assertEquals(await worker.call("echo", "alive", { timeoutMs: 100_000 * 60_000 }), "alive");
  }));

Deno.test("a worker that dies rejects every call it had with worker_lost", () =>
  withWorker(async (worker) => {
    const waiting = worker.call("forever", null);
    const dying = worker.call("die", null);
    await Promise.all([assertFailsWith("worker_lost", () => waiting), assertFailsWith("worker_lost", () => dying)]);
    await assertFailsWith("worker_lost", () => worker.call("echo", 1));
    assert.equal(worker.alive, false);
    assert.equal(worker.busy, 0);
  }));
