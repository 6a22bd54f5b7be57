import { openEmbeddedStore } from "../../../lib/store/embedded/open_embedded_store.ts";

/** Adds a key to each new data folder at the same time as another worker does, and answers with the secrets. */
addEventListener("message", async ({ data: { roots, arrived, workers } }: MessageEvent) => {
  const secrets: string[] = [];
  for (const [round, root] of roots.entries()) {
    Atomics.add(arrived, 0, 1);
    while (Atomics.load(arrived, 0) < workers * (round + 1)); // both go on within a microsecond
    const store = await openEmbeddedStore({ root, zooPath: "", shared: true });
    secrets.push((await store.keys.add("first", ["read"])).secret);
    await store.close();
  }
  postMessage(secrets);
});
