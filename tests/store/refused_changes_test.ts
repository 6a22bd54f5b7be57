import { checkDataFolder } from "../../lib/store/maintenance/check_data_folder.ts";
import { readCubeJson } from "../../lib/store/cube_files/cube_json.ts";
import { type EmbeddedStore, openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { refuseChanges } from "../support/refuse_changes.ts";
import { addCube } from "../support/stored_cube.ts";
import { temporaryStore } from "../support/temporary_store.ts";

const BYTES = new Uint8Array(1000).fill(1);

async function addCubeWithBytes(store: EmbeddedStore, id: string): Promise<string> {
  const { sha256 } = await store.blobs.put(new Blob([BYTES]).stream(), { maxBytes: 1e6 });
  try {
    await addCube(store, { id, sha256, sizeBytes: BYTES.length });
  } finally {
    await store.blobs.release(sha256);
  }
  return sha256;
}

async function assertNothingWrong(store: EmbeddedStore): Promise<void> {
  for await (const finding of checkDataFolder(store, { deep: true })) assert.fail(JSON.stringify(finding));
}

function names(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name);
}

Deno.test("a cube whose record found no room leaves no folder and no bytes", async () => {
  await using store = await temporaryStore();
  {
    using _ = refuseChanges(store, "INSERT ON cubes");
    await assertFailsWith("disk_full", () => addCubeWithBytes(store, "cube_1"));
  }
  await assertNothingWrong(store);
  assertEquals(names(`${store.folder.root}/cubes`), []);
});

Deno.test("a cube that could not be deleted for want of room is deleted whole the next time", async () => {
  await using store = await temporaryStore();
  const sha256 = await addCubeWithBytes(store, "cube_1");
  {
    using _ = refuseChanges(store, "DELETE ON cubes");
    await assertFailsWith("disk_full", () => store.cubes.remove("cube_1"));
  }
  assert.ok(store.blobs.find(sha256));
  assert.ok(await store.cubes.remove("cube_1"));
  assertEquals(store.blobs.find(sha256), undefined);
});

Deno.test("an image channel whose record found no room is nowhere, and can be added again", async () => {
  await using store = await temporaryStore();
  await addCubeWithBytes(store, "cube_1");
  const folder = store.cubes.folderOf("cube_1");
  const channel = { name: "height", quantity: "height", unit: "m", values_HW: new Float32Array(6).fill(7) };
  {
    using _ = refuseChanges(store, "UPDATE OF record ON cubes");
    await assertFailsWith("disk_full", () => store.cubes.addImage("cube_1", channel));
  }
  assertEquals([readCubeJson(folder).maps, names(`${folder}/maps`)], [[], []]);
  await assertNothingWrong(store);
  assertEquals((await store.cubes.addImage("cube_1", channel)).maps.length, 1);
  assertEquals([readCubeJson(folder).maps.length, names(folder).includes("cube.json.next")], [1, false]);
  await assertNothingWrong(store);
});

Deno.test("an image channel is whole after its mark could not be taken away for want of room", async () => {
  await using store = await temporaryStore();
  await addCubeWithBytes(store, "cube_1");
  const channel = { name: "height", quantity: "height", unit: "m", values_HW: new Float32Array(6).fill(7) };
  {
    using _ = refuseChanges(store, "UPDATE OF changing ON cubes WHEN NEW.changing = 0");
    assertEquals((await store.cubes.addImage("cube_1", channel)).maps.length, 1);
  }
  await assertNothingWrong(store);
});

Deno.test("an image channel that was cut off between its record and its files is whole after the next start", async () => {
  const root = await Deno.makeTempDir();
  const before = await openEmbeddedStore({ root, zooPath: "" });
  await addCubeWithBytes(before, "cube_1");
  const folder = before.cubes.folderOf("cube_1");
  const old = Deno.readTextFileSync(`${folder}/cube.json`);
  const channel = { name: "height", quantity: "height", unit: "m", values_HW: new Float32Array(6).fill(7) };
  await before.cubes.addImage("cube_1", channel);
  before.db.run("UPDATE cubes SET changing = 1");
  Deno.writeTextFileSync(`${folder}/cube.json`, old);
  for (const name of ["cube.json.next", "cube.json.next.part", "maps/1.f32", "maps/1.f32.part"]) {
    Deno.writeTextFileSync(`${folder}/${name}`, "{");
  }
  await before.close();
  const after = await openEmbeddedStore({ root, zooPath: "" });
  assertEquals(readCubeJson(folder).maps.map((map) => map.name), ["height"]);
  assertEquals([names(folder).sort(), names(`${folder}/maps`)], [["cube.json", "maps", "values.f32"], ["0.f32"]]);
  await assertNothingWrong(after);
  await after.close();
  await Deno.remove(root, { recursive: true });
});

Deno.test("a cube that was damaged while an image channel was being added holds up no start", async () => {
  const root = await Deno.makeTempDir();
  const before = await openEmbeddedStore({ root, zooPath: "" });
  await addCube(before, { id: "cube_1" });
  before.db.run("UPDATE cubes SET changing = 1");
  Deno.writeTextFileSync(`${before.folder.cubePath("cube_1")}/cube.json`, "{");
  await before.close();
  const after = await openEmbeddedStore({ root, zooPath: "" });
  for (const live of [false, true]) {
    assertEquals(await Array.fromAsync(checkDataFolder(after, { live }), ({ code }) => code), ["cube_damaged"]);
  }
  await after.close();
  await Deno.remove(root, { recursive: true });
});

Deno.test("what a resumable upload left when it was cut off at its begin or end is gone after the next start", async () => {
  const root = await Deno.makeTempDir();
  const options = { sizeBytes: 10, metadata: {}, owner: "a", createdMs: 0, expiresMs: 1e15 };
  const before = await openEmbeddedStore({ root, zooPath: "" });
  const { id } = await before.uploads.create(options);
  await before.close();
  for (const name of ["upload_1.part", "upload_2.json.part", `${id}.json.part`]) {
    Deno.writeTextFileSync(`${root}/uploads/${name}`, "{");
  }
  const after = await openEmbeddedStore({ root, zooPath: "" });
  assertEquals(names(`${root}/uploads`).sort(), [`${id}.json`, `${id}.part`]);
  assertEquals((await after.uploads.get(id)).offset, 0);
  await after.close();
  await Deno.remove(root, { recursive: true });
});
