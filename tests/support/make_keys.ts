import type { Scope } from "../../lib/schemas/access.ts";
import { openStore } from "../../lib/store/open_store.ts";

/** A key with each of these lists of scopes, made beside whatever uses the data folder; returns the secrets. */
export async function makeKeys(dataFolder: string, scopes: readonly Scope[][]): Promise<string[]> {
  const store = await openStore({
    root: dataFolder,
    zooPath: new URL("../../zoo", import.meta.url).pathname,
    shared: true,
  });
  try {
    return scopes.map((list) => store.keys.add(list.join("-"), list).secret);
  } finally {
    store.close();
  }
}
