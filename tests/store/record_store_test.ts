import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { recordStoreContract } from "../contracts/record_store_contract.ts";
import { interleavingContract } from "../contracts/interleaving_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { delayedStore } from "../support/delayed_store.ts";
import { addCube } from "../support/stored_cube.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

async function open(change: (store: EmbeddedStore & AsyncDisposable) => EmbeddedStore & AsyncDisposable) {
  const clock = testClock();
  const store = await temporaryStore({ clock });
  const names = (folder: string) => [...Deno.readDirSync(`${store.folder.root}/${folder}`)].map(({ name }) => name);
  return {
    ...change(store),
    clock,
    storedCubes: () => Promise.resolve(names("cubes")),
    leftovers: () => Promise.resolve(names("tmp").length),
  };
}

recordStoreContract("SQLite and disk", () => open((store) => store));
recordStoreContract("the same behind random delays", () => open((store) => delayedStore(store, 7)));
interleavingContract("SQLite and disk", () => open((store) => store));
let seed = 0;
interleavingContract("the same behind random delays", () => open((store) => delayedStore(store, seed++)));

Deno.test("the first key, made beside a running service, is known to it at once", async () => {
  await using running = await temporaryStore();
  const beside = await openEmbeddedStore({ root: running.folder.root, zooPath: "", shared: true });
  const { key, secret } = await beside.keys.add("microscope", ["read"]);
  await beside.close();
  assertEquals(await running.keys.verify(secret), { id: key.id, scopes: ["read"] });
  const second = await running.keys.add("lab", ["train"]);
  assertEquals([(await running.keys.verify(secret))?.id, (await running.keys.verify(second.secret))?.id], [
    key.id,
    second.key.id,
  ]);
});

Deno.test("image channels, which no quota counts, are not added without end", async () => {
  await using store = await temporaryStore();
  await addCube(store, { id: "cube_1" });
  const maps = Array.from({ length: 256 }, (_, i) => ({ name: `map ${i}`, quantity: "", unit: "" }));
  store.db.run("UPDATE cubes SET record = json_set(record, '$.maps', json(?))", JSON.stringify(maps));
  const channel = { name: "one more", quantity: "", unit: "", values_HW: new Float32Array(6) };
  await assertFailsWith("too_many_maps", () => store.cubes.addImage("cube_1", channel));
});

Deno.test("the secret of a key is stored nowhere", async () => {
  await using store = await temporaryStore();
  const { keys, folder, db } = store;
  const { secret } = await keys.add("microscope", ["admin"]);
  assert.ok(!JSON.stringify(db.all("SELECT id, name, scopes, hex(hmac) FROM api_keys")).includes(secret));
  const log = Deno.readFileSync(`${folder.databasePath}-wal`);
  assert.ok(!new TextDecoder("latin1").decode(log).includes(secret.split("_").slice(2).join("_")));
});
