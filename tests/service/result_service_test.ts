import { joinBytes } from "../../lib/base/join_bytes.ts";
import type { ResultTree } from "../../lib/base/nd_array.ts";
import { StoredJobQueue } from "../../lib/jobs/queue/job_queue.ts";
import { ResultComputer } from "../../lib/jobs/results/result_computer.ts";
import { resultKey } from "../../lib/jobs/results/result_key.ts";
import { encodeTree } from "../../lib/jobs/processes/worker_channel.ts";
import { WorkerPool } from "../../lib/jobs/processes/worker_pool.ts";
import type { WorkerOptions } from "../../lib/jobs/processes/worker_process.ts";
import { parseSettings } from "../../lib/schemas/settings.ts";
import { Quotas } from "../../lib/service/quotas.ts";
import { createResultService } from "../../lib/service/result_service.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { writeModel } from "../support/stored_model.ts";
import { addCube } from "../support/stored_cube.ts";
import { delayedStore } from "../support/delayed_store.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

const worker: WorkerOptions = { entry: new URL("../jobs/support/echo_worker.ts", import.meta.url), permissions: [] };
const analysis: WorkerOptions = {
  entry: new URL("../../lib/jobs/analysis_worker.ts", import.meta.url),
  permissions: ["--allow-read", "--allow-sys", "--ignore-env"],
};
const signal = new AbortController().signal;
const caller = { id: "address:1.2.3.4", requestId: "req", signal };
const pca = { kind: "result", result: "pca", cube: "cube_1", parameters: { components: 1 } } as const;

/** The service on one process of the kind given that answers one call at a time. */
async function open(
  options: { worker?: WorkerOptions; maxWaiting?: number; settings?: Record<string, string>; resultBytes?: number } =
    {},
) {
  const store = delayedStore(await temporaryStore({ resultBytes: options.resultBytes }));
  await addCube(store, { id: "cube_1", optionsKey: "" });
  const pool = new WorkerPool({
    ...{ worker: () => options.worker ?? worker, size: 1, callsPerWorker: 1, maxWaiting: options.maxWaiting ?? 2 },
  });
  const queue = new StoredJobQueue(store.jobs, testClock());
  const computer = new ResultComputer({ store, compute: pool, analysis: pool });
  const quotas = new Quotas(parseSettings(options.settings ?? {}), options.settings === undefined);
  return {
    ...{ store, pool, queue, results: createResultService({ store, queue, computer, quotas }) },
    async [Symbol.asyncDispose]() {
      await pool.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("a job made of a request that waits goes on when that request loses its place to others", async () => {
  await using under = await open();
  const { pool, results } = under;
  const busy = new AbortController();
  const held = assertFailsWith("cancelled", () => pool.call("forever", null, { signal: busy.signal }));
  const waiting = pool.call("echo", 1, { caller: caller.id });
  const outcome = await results.ofCube("pca", "cube_1", { components: 1 }, 0, caller);
  assertEquals(outcome.kind, "pending");
  await until(() => pool.waiting === 2);
  // The echo worker has no such method: that the call was made at all is what is asked here.
  const job = assertFailsWith("unknown_method", () => {
    return results.execute(pca, { signal, caller: caller.id, progress: () => {} });
  });
  await new Promise((resolve) => setTimeout(resolve, 100)); // it joins the request's computation
  const other: Promise<ResultTree> = pool.call("echo", 2, { caller: "address:5.6.7.8" });
  await until(() => pool.waiting === 3); // the job's call waits beside the others
  busy.abort();
  await held;
  await job;
  assertEquals(await Promise.all([waiting, other]), [1, 2]);
});

Deno.test("asking again for a result that is on its way needs no room for one more job", async () => {
  await using under = await open({ settings: { LOOPSCOPE_PUBLIC_READ: "true", LOOPSCOPE_VISITOR_JOBS: "1" } });
  const { pool, queue, results } = under;
  const busy = new AbortController();
  const held = assertFailsWith("cancelled", () => pool.call("forever", null, { signal: busy.signal }));
  const ask = (components: number) => results.ofCube("pca", "cube_1", { components }, 0, caller);
  const [first, again] = [await ask(1), await ask(1)];
  assert.ok(first.kind === "pending" && again.kind === "pending");
  assertEquals(again.job.id, first.job.id);
  await assertFailsWith("quota_exceeded", () => ask(2));
  await queue.cancel(first.job.id);
  busy.abort();
  await held;
});

Deno.test("a result job whose result found no room says so instead of having succeeded", async () => {
  await using under = await open({ worker: analysis, resultBytes: 10 });
  const ready = await under.results.ofCube("pca", "cube_1", { components: 1 }, 60_000, caller);
  assertEquals(ready.kind, "ready");
  const context = { signal, caller: caller.id, progress: () => {} };
  await assertFailsWith("result_not_kept", () => under.results.execute(pca, context));
});

Deno.test("what is derived from two cubes is gone with either", async () => {
  await using under = await open();
  const { store, results } = under;
  await addCube(store, { id: "cube_2", optionsKey: "2" });
  const parameters = { imaginary: "cube_2" };
  const key = resultKey({ kind: "result", result: "sho", cube: "cube_1", parameters }, undefined);
  await store.results.put("cube_1", key, joinBytes(encodeTree(1)));
  const ask = () => results.ofCube("sho", "cube_1", parameters, 0, caller);
  assertEquals((await ask()).kind, "ready");
  await store.cubes.remove("cube_2");
  await assertFailsWith("cube_missing", ask);
});

Deno.test("where the model is deleted while its result waits, that is what is said", async () => {
  await using under = await open();
  const { store, pool, results } = under;
  const version = await store.models.add("film", (folder, version) => {
    writeModel(folder, "film", version);
    const manifest = JSON.parse(Deno.readTextFileSync(`${folder}/model.json`));
    Object.assign(manifest.network, { window: 2, points: 4 });
    Deno.writeTextFileSync(`${folder}/model.json`, JSON.stringify(manifest));
  });
  const busy = new AbortController();
  const held = assertFailsWith("cancelled", () => pool.call("forever", null, { signal: busy.signal }));
  const asked = results.ofModel("errors", { name: "film", version: "latest" }, "cube_1", {}, 60_000, caller);
  const gone = assertFailsWith("version_missing", () => asked);
  while (pool.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await store.models.removeVersion("film", version);
  busy.abort();
  await Promise.all([held, gone]);
});
