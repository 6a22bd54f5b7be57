import type { ResultTree } from "../../lib/base/nd_array.ts";
import { WorkerPool } from "../../lib/jobs/processes/worker_pool.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

const worker = { entry: new URL("./support/echo_worker.ts", import.meta.url), permissions: [] };

async function withPool(
  options: { size: number; callsPerWorker: number; maxWaiting: number },
  run: (pool: WorkerPool) => Promise<void>,
): Promise<void> {
  const pool = new WorkerPool({ worker: () => worker, ...options });
  try {
    await run(pool);
  } finally {
    await pool.close();
  }
}

Deno.test("calls beyond the pool's capacity wait and are all answered", () =>
  withPool({ size: 2, callsPerWorker: 1, maxWaiting: 100 }, async (pool) => {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => pool.call("echo", i)));
    assertEquals(answers, Array.from({ length: 30 }, (_, i) => i));
    assertEquals([pool.busy, pool.waiting], [0, 0]);
  }));

Deno.test("a full queue refuses one more call and an abandoned one leaves it", () =>
  withPool({ size: 1, callsPerWorker: 1, maxWaiting: 1 }, async (pool) => {
    const first = new AbortController();
    const second = new AbortController();
    const running = pool.call("forever", null, { signal: first.signal });
    const waiting = pool.call("echo", 1, { signal: second.signal });
    await assertFailsWith("busy", () => pool.call("echo", 2));
    second.abort();
    await assertFailsWith("cancelled", () => waiting);
    assertEquals(pool.waiting, 0);
    first.abort();
    await assertFailsWith("cancelled", () => running);
    assertEquals(await pool.call("echo", 3), 3);
  }));

Deno.test("callers are served in turn, and a full queue has room for one who has less waiting", () =>
  withPool({ size: 1, callsPerWorker: 1, maxWaiting: 3 }, async (pool) => {
    const served: string[] = [];
    const ask = (caller: string) => pool.call("echo", caller, { caller }).then(() => void served.push(caller));
    const first = ask("greedy");
    const greedy = [ask("greedy"), ask("greedy"), ask("greedy")];
    const refused = assertFailsWith("busy", () => greedy[2]);
    await assertFailsWith("busy", () => ask("greedy"));
    await assertFailsWith("busy", () => pool.requireCapacity("greedy"));
    pool.requireCapacity("modest");
    const modest = ask("modest");
    await Promise.all([refused, first, greedy[0], greedy[1], modest]);
    assertEquals(served, ["greedy", "greedy", "modest", "greedy"]);
  }));

Deno.test("what was promised is never refused or pushed out, and has the next place", () =>
  withPool({ size: 1, callsPerWorker: 1, maxWaiting: 1 }, async (pool) => {
    const served: string[] = [];
    const ask = (caller: string, promised = false) =>
      pool.call("echo", caller, { caller, promised }).then(() => void served.push(caller));
    const first = ask("first");
    const others = ask("other");
    const promised = [ask("job", true), ask("job", true)];
    await assertFailsWith("busy", () => ask("late"));
    assertEquals(pool.waiting, 3);
    await Promise.all([first, others, ...promised]);
    assertEquals(served, ["first", "job", "job", "other"]);
  }));

Deno.test("a process that dies is replaced and those who wait are served", () =>
  withPool({ size: 1, callsPerWorker: 1, maxWaiting: 10 }, async (pool) => {
    const dying = assertFailsWith("worker_lost", () => pool.call("die", null));
    const after: Promise<ResultTree>[] = [1, 2].map((n) => pool.call("echo", n));
    await dying;
    assertEquals(await Promise.all(after), [1, 2]);
    assert.equal(pool.lost, 1);
  }));

Deno.test("where no process can be started those who wait hear of it, and the next call tries anew", async () => {
  let args: string[] = [];
  const pool = new WorkerPool({ worker: () => ({ ...worker, args }), size: 1, callsPerWorker: 1, maxWaiting: 5 });
  try {
    assertEquals(await pool.call("echo", "ready"), "ready");
    args = ["x".repeat(2 ** 20)]; // more than the system takes as an argument
    const dying = assertFailsWith("worker_lost", () => pool.call("die", null));
    const after = [1, 2].map((n) => assertFailsWith("worker_lost", () => pool.call("echo", n)));
    await Promise.all([dying, ...after]);
    await assertFailsWith("worker_lost", () => pool.call("echo", 3));
    const promised = pool.call("echo", 4, { promised: true });
    await assertFailsWith("worker_lost", () => pool.call("echo", 5));
    args = [];
    assertEquals(await promised, 4);
    assertEquals(await pool.call("echo", 6), 6);
  } finally {
    await pool.close();
  }
});

Deno.test("where one more process cannot be started the one there is does the work", async () => {
  let args: string[] = [];
  const pool = new WorkerPool({ worker: () => ({ ...worker, args }), size: 2, callsPerWorker: 1, maxWaiting: 5 });
  const first = pool.call("echo", 1);
  args = ["x".repeat(2 ** 20)];
  assertEquals(await Promise.all([first, pool.call("echo", 2), pool.call("echo", 3)]), [1, 2, 3]);
  await pool.close();
});

Deno.test("a cancelled call that does not listen loses its process after the grace", async () => {
  const pool = new WorkerPool({
    worker: () => ({ ...worker, cancelGraceMs: 30 }),
    size: 1,
    callsPerWorker: 1,
    maxWaiting: 5,
  });
  const controller = new AbortController();
  const spinning = pool.call("spin", null, { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assertFailsWith("cancelled", () => spinning);
  assertEquals(await pool.call("echo", "next"), "next");
  assert.equal(pool.lost, 1);
  await pool.close();
});

Deno.test("calls beside a cancelled one that does not listen are made again in the next process", () =>
  withPool({ size: 1, callsPerWorker: 5, maxWaiting: 5 }, async (pool) => {
    const controller = new AbortController();
    assertEquals(await pool.call("echo", "ready"), "ready");
    const spinning = pool.call("spin", null, { signal: controller.signal, cancelGraceMs: 30 });
    const beside = [1, 2, 3].map((n) => pool.call("echo", n));
    controller.abort();
    await assertFailsWith("cancelled", () => spinning);
    assertEquals(await Promise.all(beside), [1, 2, 3]);
    assert.equal(pool.lost, 1);
  }));

Deno.test("a call whose caller has gone already does not wait for a place", () =>
  withPool({ size: 1, callsPerWorker: 1, maxWaiting: 5 }, async (pool) => {
    const running = new AbortController();
    const forever = pool.call("forever", null, { signal: running.signal });
    await assertFailsWith("cancelled", () => pool.call("echo", 4, { signal: AbortSignal.abort() }));
    assertEquals(pool.waiting, 0);
    running.abort();
    await assertFailsWith("cancelled", () => forever);
  }));
