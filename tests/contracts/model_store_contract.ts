import type { ModelStore } from "../../lib/store/ports/model_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { writeModel } from "../support/stored_model.ts";

/** A store beside a zoo with `film` 1 and 2. */
export interface ModelStoreUnderTest extends AsyncDisposable {
  models: ModelStore;
  zooPath: string;
  /** Names of the versions whose files are stored, listed or not. */
  stored(): Promise<string[]>;
  /** Number of half-written things. */
  leftovers(): Promise<number>;
}

/** Adds the next version of a model as a job does. */
export function addModel(models: ModelStore, name: string, madeBy?: string): Promise<number> {
  return models.add(name, (folder, version) => writeModel(folder, name, version), { madeBy });
}

/** A folder with `film` 1 and 2, as they are shipped; the folder around it is the caller's to remove. */
export async function makeZoo(): Promise<string> {
  const zooPath = `${await Deno.makeTempDir({ prefix: "loopscope-zoo-" })}/zoo`;
  for (const version of [1, 2]) {
    Deno.mkdirSync(`${zooPath}/film/${version}`, { recursive: true });
    writeModel(`${zooPath}/film/${version}`, "film", version);
  }
  return zooPath;
}

/** What every store of models does. */
export function modelStoreContract(name: string, open: () => Promise<ModelStoreUnderTest>): void {
  const test = (what: string, run: (store: ModelStoreUnderTest) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using store = await open();
      await run(store);
    });

  test("shipped and trained models are listed together", async (store) => {
    assertEquals(await addModel(store.models, "loops"), 1);
    assertEquals(await addModel(store.models, "film"), 3);
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

  test("a version is named by its number, latest or an alias", async (store) => {
    await store.models.setAlias("film", "stable", 1);
    const resolved = ["1", "latest", "stable"].map((version) => store.models.resolve("film", version));
    assertEquals(await Promise.all(resolved), [1, 2, 1]);
    const error = await assertFailsWith("version_missing", () => store.models.resolve("film", "7"));
    assert.match(error.message, /it has 1, 2, latest, stable/);
    for (const version of ["toString", "__proto__", "", "01", "1.0"]) {
      await assertFailsWith("version_missing", () => store.models.resolve("film", version));
    }
    await assertFailsWith("model_missing", () => store.models.resolve("nothing", "1"));
    Deno.mkdirSync(`${store.zooPath}/../1`);
    writeModel(`${store.zooPath}/../1`, "x", 1);
    await assertFailsWith("model_missing", () => store.models.resolve("..", "1"));
    await assertFailsWith("model_missing", () => store.models.localFolder("..", 1));
  });

  test("versions added at the same time get numbers of their own", async (store) => {
    const versions = await Promise.all(Array.from({ length: 10 }, () => addModel(store.models, "film")));
    assertEquals(versions.toSorted((a, b) => a - b), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    for (const version of versions) {
      assertEquals((await store.models.version("film", version)).manifest.version, version);
    }
  });

  test("a version's number is never used again", async (store) => {
    await addModel(store.models, "film");
    await store.models.removeVersion("film", 3);
    assertEquals((await store.models.get("film")).versions, [1, 2]);
    assertEquals(await addModel(store.models, "film"), 4);
    assertEquals(await addModel(store.models, "film", "submission"), 5);
    await store.models.removeVersion("film", 5);
    assertEquals(await addModel(store.models, "film", "submission"), 6, "also when the same was asked for again");
  });

  test("a job adds its version once, however often it is run", async (store) => {
    assertEquals(await store.models.madeBy("job_1"), undefined);
    const first = await addModel(store.models, "film", "job_1");
    const again = await addModel(store.models, "film", "job_1");
    assertEquals([first, again], [3, 3]);
    assertEquals(await store.models.madeBy("job_1"), { name: "film", version: 3 });
    assertEquals(await addModel(store.models, "film", "job_2"), 4);
  });

  test("a version that cannot be written whole is not listed and leaves nothing", async (store) => {
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
    assertEquals([await store.leftovers(), await store.stored()], [0, []]);
  });

  test("changed weights are refused", async (store) => {
    Deno.writeFileSync(`${store.zooPath}/film/1/weights.safetensors`, Uint8Array.of(1, 2, 4));
    const error = await assertFailsWith("model_damaged", () => store.models.weights("film", 1));
    assert.match(error.message, /has 3 bytes with SHA-256 .* expected 3 with/);
  });

  test("shipped versions and versions with an alias are not removed", async (store) => {
    await addModel(store.models, "film");
    await store.models.setAlias("film", "stable", 3);
    await assertFailsWith("version_in_use", () => store.models.removeVersion("film", 3));
    await assertFailsWith("model_read_only", () => store.models.removeVersion("film", 1));
    await assertFailsWith("version_missing", () => store.models.removeVersion("film", 7));
    await store.models.removeAlias("film", "stable");
    await store.models.removeVersion("film", 3);
    await assertFailsWith("version_missing", () => store.models.version("film", 3));
    assertEquals(await store.stored(), []);
  });

  test("aliases change only at the revision that was seen", async (store) => {
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
}
