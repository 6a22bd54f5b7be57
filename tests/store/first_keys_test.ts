import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { assertEquals } from "../support/assert.ts";

const WORKERS = 2;

Deno.test("the first keys of a new folder, added at the same moment, all work", async () => {
  const folder = await Deno.makeTempDir();
  const roots = Array.from({ length: 12 }, (_, i) => `${folder}/${i}`);
  const arrived = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: WORKERS }, () => {
    return new Worker(new URL("./support/first_keys_worker.ts", import.meta.url), { type: "module" });
  });
  const secrets = await Promise.all(workers.map((worker) => {
    const { promise, resolve, reject } = Promise.withResolvers<string[]>();
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage({ roots, arrived, workers: WORKERS });
    return promise;
  })).finally(() => workers.forEach((worker) => worker.terminate()));
  for (const [round, root] of roots.entries()) {
    const store = await openEmbeddedStore({ root, zooPath: "", shared: true });
    const known: unknown[] = [];
    for (const ofWorker of secrets) known.push((await store.keys.verify(ofWorker[round]))?.scopes);
    assertEquals(known, [["read"], ["read"]], `round ${round}`);
    await store.close();
  }
  await Deno.remove(folder, { recursive: true });
});
