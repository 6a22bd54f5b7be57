import { listObjects } from "../../lib/store/s3/objects.ts";
import { S3ModelStore } from "../../lib/store/s3/s3_model_store.ts";
import { addModel, makeZoo, modelStoreContract } from "../contracts/model_store_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { MemoryModelRecords } from "../support/memory_records.ts";
import { openS3, s3Test, type S3UnderTest } from "../support/s3_cache.ts";
import { missingS3Server } from "../support/s3_server.ts";

const keysIn = async ({ bucket }: S3UnderTest) =>
  (await Array.fromAsync(listObjects(bucket, "models/"))).map(({ key }) => key);

if (!missingS3Server()) {
  modelStoreContract("models in S3", async () => {
    const under = await openS3();
    const zooPath = await makeZoo();
    return {
      models: new S3ModelStore({ ...under, records: new MemoryModelRecords(), zooPath }),
      zooPath,
      stored: async () => [...new Set((await keysIn(under)).map((key) => key.slice(0, key.lastIndexOf("/"))))],
      leftovers: () => Promise.resolve([...Deno.readDirSync(`${under.cache.folder.root}/tmp`)].length),
      async [Symbol.asyncDispose]() {
        await under[Symbol.asyncDispose]();
        await Deno.remove(`${zooPath}/..`, { recursive: true });
      },
    };
  });
}

s3Test("a version comes back where the cache was deleted, checked file by file", async (under) => {
  const models = new S3ModelStore({ ...under, records: new MemoryModelRecords(), zooPath: "/nowhere" });
  await addModel(models, "film");
  const [folder, again] = await Promise.all([models.localFolder("film", 1), models.localFolder("film", 1)]);
  assertEquals(folder, again);
  await Deno.remove(under.cache.folder.root, { recursive: true });
  assertEquals(await models.weights("film", 1), Uint8Array.of(1, 2, 3));
  assertEquals([...Deno.readDirSync(folder)].length, 4);
  const card = (await keysIn(under)).find((key) => key.endsWith("card.md"))!;
  await Deno.writeTextFile(`${under.server.folder}/loopscope/test/${card}`, "# changed");
  await Deno.remove(under.cache.folder.root, { recursive: true });
  const error = await assertFailsWith("model_damaged", () => models.card("film", 1));
  assert.match(error.message, /^card.md of film\/1-v_.* in the object storage is damaged$/);
  await assert.rejects(Deno.stat(folder), Deno.errors.NotFound);
});

s3Test(
  "of two processes that make a job's version one is published, and the other's files are removed",
  async (under) => {
    const records = new MemoryModelRecords();
    const [one, two] = [1, 2].map(() => new S3ModelStore({ ...under, records, zooPath: "/nowhere" }));
    assertEquals(await Promise.all([addModel(one, "film", "job_1"), addModel(two, "film", "job_1")]), [1, 1]);
    assertEquals((await keysIn(under)).length, 4);
    assertEquals((await two.version("film", 1)).manifest.version, 1);
  },
);

s3Test("a sweep removes the files of versions that were never published, but no young ones", async (under) => {
  const records = new MemoryModelRecords();
  const models = new S3ModelStore({ ...under, records, zooPath: "/nowhere" });
  await addModel(models, "film");
  const [kept] = await keysIn(under);
  const other = kept.replace("film/1-v_", "film/2-v_").replace(/[^/]*$/, "");
  await under.bucket.send({ method: "PUT", key: `${other}card.md`, body: new Uint8Array(1) });
  assertEquals(await models.sweep(Date.now() - 60_000), 0);
  assertEquals(await models.sweep(Date.now() + 60_000), 1);
  assertEquals((await keysIn(under)).length, 4);
});
