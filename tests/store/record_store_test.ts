import { openStore } from "../../lib/store/open_store.ts";
import { recordStoreContract } from "../contracts/record_store_contract.ts";
import { assertEquals } from "../support/assert.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

recordStoreContract("SQLite and disk", async () => {
  const clock = testClock();
  return { ...await temporaryStore({ clock }), clock };
});

Deno.test("the first key, made beside a running service, is known to it at once", async () => {
  await using running = await temporaryStore();
  const beside = await openStore({ root: running.folder.root, zooPath: "", shared: true });
  const { key, secret } = beside.keys.add("microscope", ["read"]);
  beside.close();
  assertEquals(running.keys.verify(secret), { id: key.id, scopes: ["read"] });
  const second = running.keys.add("lab", ["train"]);
  assertEquals([running.keys.verify(secret)?.id, running.keys.verify(second.secret)?.id], [key.id, second.key.id]);
});
