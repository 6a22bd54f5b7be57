import type { Scope } from "../../lib/schemas/access.ts";
import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";

/** A key with each of these lists of scopes, made beside whatever uses the data folder; returns the secrets. */
export async function makeKeys(dataFolder: string, scopes: readonly Scope[][]): Promise<string[]> {
  const store = await openEmbeddedStore({
    root: dataFolder,
    zooPath: new URL("../../zoo", import.meta.url).pathname,
    shared: true,
  });
  try {
    const secrets: string[] = [];
    for (const list of scopes) secrets.push((await store.keys.add(list.join("-"), list)).secret);
    return secrets;
  } finally {
    await store.close();
  }
}
