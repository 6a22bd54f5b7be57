import { ResultComputer } from "../../lib/jobs/results/result_computer.ts";
import { WorkerPool } from "../../lib/jobs/processes/worker_pool.ts";
import { assertEquals, assertFailsWith } from "../support/assert.ts";
import { addCube } from "../support/stored_cube.ts";
import { writeModel } from "../support/stored_model.ts";
import { temporaryStore } from "../support/temporary_store.ts";

const entry = new URL("./support/applying_worker.ts", import.meta.url);

Deno.test("what the cache no longer has is made again, also while its result waits", async () => {
  await using store = await temporaryStore();
  await addCube(store, { id: "cube_1" });
  const version = await store.models.add("film", (folder, version) => writeModel(folder, "film", version));
  const permissions = [`--allow-read=${store.folder.root}`, `--allow-write=${store.folder.root}`];
  const makePool = () =>
    new WorkerPool({ worker: () => ({ entry, permissions }), size: 1, callsPerWorker: 1, maxWaiting: 9 });
  const [compute, analysis] = [makePool(), makePool()];
  const computer = new ResultComputer({ store, compute, analysis });
  const request = { kind: "result", result: "model.errors", cube: "cube_1", model: "film@1", parameters: {} } as const;
  const { signal } = new AbortController();
  const { manifest } = await store.models.version("film", version);
  const ask = () => computer.compute(request, manifest, { signal });
  try {
    assertEquals(await ask(), 100);
    Deno.removeSync(store.folder.resultsPath, { recursive: true }); // a cache: it may be deleted
    assertEquals(await ask(), 100);
    const busy = new AbortController();
    const held = assertFailsWith("cancelled", () => analysis.call("forever", null, { signal: busy.signal }));
    const waiting = ask();
    while (analysis.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await store.results.removeScope("cube_1");
    busy.abort();
    assertEquals(await waiting, 100);
    await held;
  } finally {
    await Promise.all([compute.close(), analysis.close()]);
  }
});
