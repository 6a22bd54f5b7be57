import { openEmbeddedStore } from "../../lib/store/embedded/open_embedded_store.ts";
import { makeZoo, modelStoreContract } from "../contracts/model_store_contract.ts";
import { assertEquals, assertFailsWith } from "../support/assert.ts";
import { writeModel } from "../support/stored_model.ts";
import { temporaryStore } from "../support/temporary_store.ts";

async function open() {
  const zooPath = await makeZoo();
  const store = await temporaryStore({ zooPath });
  const { root, modelsPath } = store.folder;
  const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name);
  return {
    ...store,
    zooPath,
    stored: () =>
      Promise.resolve(
        namesIn(modelsPath).flatMap((name) => namesIn(`${modelsPath}/${name}`).map((n) => `${name}/${n}`)),
      ),
    leftovers: () => Promise.resolve(namesIn(`${root}/tmp`).length),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await Deno.remove(`${zooPath}/..`, { recursive: true });
    },
  };
}

modelStoreContract("models in folders", open);

Deno.test("nothing outside the folder of models is a model", async () => {
  await using store = await open();
  Deno.mkdirSync(`${store.folder.root}/1`);
  writeModel(`${store.folder.root}/1`, "x", 1);
  await assertFailsWith("model_missing", () => store.models.resolve("..", "1"));
});

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

Deno.test("a half-written folder is not listed", async () => {
  await using store = await open();
  Deno.mkdirSync(`${store.folder.modelsPath}/film/9`, { recursive: true });
  Deno.writeFileSync(`${store.folder.modelsPath}/film/9/weights.safetensors`, Uint8Array.of(1));
  assertEquals((await store.models.get("film")).versions, [1, 2]);
  await assertFailsWith("version_missing", () => store.models.version("film", 9));
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
