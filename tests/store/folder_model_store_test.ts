import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { writeModel } from "../support/stored_model.ts";
import { temporaryStore } from "../support/temporary_store.ts";

/** A store beside a zoo with `film` 1 and 2. */
async function open() {
  const zooPath = await Deno.makeTempDir();
  for (const version of [1, 2]) {
    Deno.mkdirSync(`${zooPath}/film/${version}`, { recursive: true });
    writeModel(`${zooPath}/film/${version}`, "film", version);
  }
  const store = await temporaryStore({ zooPath });
  return {
    ...store,
    zooPath,
    add: (name: string, madeBy?: string) =>
      store.models.add(name, (folder, version) => writeModel(folder, name, version), { madeBy }),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await Deno.remove(zooPath, { recursive: true });
    },
  };
}

Deno.test("nothing comes between the last look of what writes a version and its being there", async () => {
  await using store = await open();
  let others = false;
  await store.models.add("film", (folder, version) => {
    writeModel(folder, "film", version);
    setTimeout(() => others = true, 0);
  });
  assertEquals(others, false);
  await new Promise((resolve) => setTimeout(resolve, 1));
});

Deno.test("shipped and trained models are listed together", async () => {
  await using store = await open();
  assertEquals(await store.add("loops"), 1);
  assertEquals(await store.add("film"), 3);
  assertEquals(await store.models.list(), [
    { name: "film", versions: [1, 2, 3], aliases: {}, readOnly: false },
    { name: "loops", versions: [1], aliases: {}, readOnly: false },
  ]);
  assertEquals((await store.models.version("film", 3)).manifest.version, 3);
  assertEquals(await store.models.card("film", 2), "# film@2\n");
  assertEquals(await store.models.weights("film", 3), Uint8Array.of(1, 2, 3));
  const readOnly = async (version: number) => (await store.models.version("film", version)).readOnly;
  assertEquals([await readOnly(2), await readOnly(3)], [true, false]);
});

Deno.test("a version is named by its number, latest or an alias", async () => {
  await using store = await open();
  await store.models.setAlias("film", "stable", 1);
  const resolved = ["1", "latest", "stable"].map((version) => store.models.resolve("film", version));
  assertEquals(await Promise.all(resolved), [1, 2, 1]);
  const error = await assertFailsWith("version_missing", () => store.models.resolve("film", "7"));
  assert.match(error.message, /it has 1, 2, latest, stable/);
  for (const version of ["toString", "__proto__", "", "01", "1.0"]) {
    await assertFailsWith("version_missing", () => store.models.resolve("film", version));
  }
  await assertFailsWith("model_missing", () => store.models.resolve("nothing", "1"));
  Deno.mkdirSync(`${store.folder.root}/1`);
  writeModel(`${store.folder.root}/1`, "x", 1);
  await assertFailsWith("model_missing", () => store.models.resolve("..", "1"));
  await assertFailsWith("model_missing", () => store.models.localFolder("..", 1));
});

Deno.test("versions added at the same time get numbers of their own", async () => {
  await using store = await open();
  const versions = await Promise.all(Array.from({ length: 10 }, () => store.add("film")));
  assertEquals(versions.toSorted((a, b) => a - b), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  for (const version of versions) assertEquals((await store.models.version("film", version)).manifest.version, version);
});

Deno.test("a version's number is never used again", async () => {
  await using store = await open();
  await store.add("film");
  await store.models.removeVersion("film", 3);
  assertEquals((await store.models.get("film")).versions, [1, 2]);
  assertEquals(await store.add("film"), 4);
  assertEquals(await store.add("film", "submission"), 5);
  await store.models.removeVersion("film", 5);
  assertEquals(await store.add("film", "submission"), 6, "also when the same was asked for again");
});

Deno.test("a job adds its version once, however often it is run", async () => {
  await using store = await open();
  assertEquals(await store.models.madeBy("job_1"), undefined);
  const first = await store.add("film", "job_1");
  const again = await store.add("film", "job_1");
  assertEquals([first, again], [3, 3]);
  assertEquals(await store.models.madeBy("job_1"), { name: "film", version: 3 });
  assertEquals(await store.add("film", "job_2"), 4);
});

Deno.test("a version that cannot be written whole is not listed and leaves nothing", async () => {
  await using store = await open();
  const failing = () => store.models.add("film", () => Promise.reject(new Error("out of numbers")));
  await assert.rejects(failing, /out of numbers/);
  const wrongWeights = () =>
    store.models.add("film", (folder, version) => {
      writeModel(folder, "film", version);
      Deno.writeFileSync(`${folder}/weights.safetensors`, Uint8Array.of(9));
    });
  await assertFailsWith("model_damaged", wrongWeights);
  const wrongName = () => store.models.add("film", (folder, version) => writeModel(folder, "loops", version));
  await assertFailsWith("model_damaged", wrongName);
  assertEquals((await store.models.get("film")).versions, [1, 2]);
  assertEquals([...Deno.readDirSync(`${store.folder.root}/tmp`)].length, 0);
});

Deno.test("a half-written folder is not listed", async () => {
  await using store = await open();
  Deno.mkdirSync(`${store.folder.modelsPath}/film/9`, { recursive: true });
  Deno.writeFileSync(`${store.folder.modelsPath}/film/9/weights.safetensors`, Uint8Array.of(1));
  assertEquals((await store.models.get("film")).versions, [1, 2]);
  await assertFailsWith("version_missing", () => store.models.version("film", 9));
});

Deno.test("changed weights are refused", async () => {
  await using store = await open();
  Deno.writeFileSync(`${store.zooPath}/film/1/weights.safetensors`, Uint8Array.of(1, 2, 4));
  const error = await assertFailsWith("model_damaged", () => store.models.weights("film", 1));
  assert.match(error.message, /has 3 bytes with SHA-256 .* expected 3 with/);
});

Deno.test("shipped versions and versions with an alias are not removed", async () => {
  await using store = await open();
  await store.add("film");
  await store.models.setAlias("film", "stable", 3);
  await assertFailsWith("version_in_use", () => store.models.removeVersion("film", 3));
  await assertFailsWith("model_read_only", () => store.models.removeVersion("film", 1));
  await assertFailsWith("version_missing", () => store.models.removeVersion("film", 7));
  await store.models.removeAlias("film", "stable");
  await store.models.removeVersion("film", 3);
  await assertFailsWith("version_missing", () => store.models.version("film", 3));
});

Deno.test("aliases change only at the revision that was seen", async () => {
  await using store = await open();
  assertEquals(await store.models.aliasRevision("film"), 0);
  await store.models.setAlias("film", "stable", 1, { ifRevision: 0 });
  await assertFailsWith("alias_changed", () => store.models.setAlias("film", "stable", 2, { ifRevision: 0 }));
  await assertFailsWith("version_missing", () => store.models.setAlias("film", "stable", 7));
  await store.models.setAlias("film", "stable", 2, { ifRevision: 1 });
  assertEquals((await store.models.get("film")).aliases, { stable: 2 });
  await assertFailsWith("alias_exists", () => store.models.setAlias("film", "stable", 1, { ifAbsent: true }));
  await assertFailsWith("alias_missing", () => store.models.removeAlias("film", "beta"));
  assertEquals(await store.models.aliasRevision("film"), 2);
});

Deno.test("models outlive the process", async () => {
  const root = await Deno.makeTempDir();
  const first = await openEmbeddedStore({ root, zooPath: `${root}/zoo` });
  await first.models.add("loops", (folder, version) => writeModel(folder, "loops", version));
  await first.models.setAlias("loops", "stable", 1);
  await first.close();
  const second = await openEmbeddedStore({ root, zooPath: `${root}/zoo` });
  assertEquals(await second.models.list(), [{ name: "loops", versions: [1], aliases: { stable: 1 }, readOnly: false }]);
  await second.close();
  await Deno.remove(root, { recursive: true });
});
