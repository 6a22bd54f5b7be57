import { createCubeFile, openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import type { CubeRecord } from "../../lib/schemas/cube.ts";
import { listObjects } from "../../lib/store/s3/objects.ts";
import { S3BlobStore } from "../../lib/store/s3/s3_blob_store.ts";
import { S3CubeStore } from "../../lib/store/s3/s3_cube_store.ts";
import { cubeTests } from "../contracts/record_store_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { MemoryClaims, MemoryCubeRecords } from "../support/memory_records.ts";
import { openS3, s3Test, type S3UnderTest } from "../support/s3_cache.ts";
import { missingS3Server } from "../support/s3_server.ts";
import { describeCube } from "../support/stored_cube.ts";

const SHAPE: [number, number, number] = [40, 48, 300];
const ROW = SHAPE[1] * SHAPE[2];

function open({ bucket, cache }: S3UnderTest, records = new MemoryCubeRecords()) {
  const blobs = new S3BlobStore(bucket, cache, new MemoryClaims((sha256) => records.needs(sha256)));
  const storedKeys = async () => (await Array.fromAsync(listObjects(bucket, "cubes/"))).map(({ key }) => key);
  return {
    blobs,
    cubes: new S3CubeStore({ bucket, cache, records, blobs }),
    scratch: cache.folder,
    storedKeys,
    storedCubes: async () => [...new Set((await storedKeys()).map((key) => key.split("/")[1]))],
    leftovers: () => Promise.resolve([...Deno.readDirSync(`${cache.folder.root}/tmp`)].length),
  };
}

if (!missingS3Server()) {
  cubeTests((what, run) =>
    Deno.test(`cubes in S3: ${what}`, async () => {
      await using under = await openS3();
      const store = open(under);
      await run(store);
      store.cubes.close();
    })
  );
}

/** Value at (row, col, step) is its index in the cube; every 7th is marked as repaired. */
async function addLargeCube({ cubes, scratch }: ReturnType<typeof open>, id = "cube_1"): Promise<void> {
  const folder = await scratch.makeFolder("cube");
  const writer = createCubeFile(folder, SHAPE);
  writer.writeRows(0, Float32Array.from({ length: SHAPE[0] * ROW }, (_, i) => i));
  const pixels = SHAPE[0] * SHAPE[1];
  writer.writeMap(5, writer.readMap(5), Uint8Array.from({ length: pixels }, (_, i) => Number(i % 7 === 0)));
  writer.addImage({ name: "height", quantity: "height", unit: "m", values_HW: new Float32Array(pixels).fill(2) });
  writer.finish(describeCube(SHAPE));
  writer.close();
  const identity = { id, name: id, sha256: "ab".repeat(32), sizeBytes: 9, createdAt: "2026-01-01T00:00:00.000Z" };
  const maps = [{ name: "height", quantity: "height", unit: "m" }];
  const record: CubeRecord = { ...describeCube(SHAPE), ...identity, maps };
  await cubes.add(folder, record, { optionsKey: id, owner: "key:a" });
}

/** As on a host that has read nothing yet. */
async function forget({ cache }: S3UnderTest): Promise<void> {
  await Deno.remove(cache.folder.root, { recursive: true });
}

s3Test("parts of a cube are range reads: a spectrum fetches its tile, a map what it needs", async (under) => {
  const store = open(under);
  await addLargeCube(store);
  const whole = Deno.statSync(`${under.server.folder}/loopscope/test/cubes/cube_1/values.f32`).size;
  await forget(under);
  const parts = await store.cubes.open("cube_1");
  assertEquals([parts.shape, parts.hasMask, parts.imageNames], [SHAPE, true, ["height"]]);
  const spectra = await parts.readSpectra(17, 20, 3);
  assertEquals([spectra[0], spectra.at(-1)], [17 * ROW + 20 * 300, 17 * ROW + 23 * 300 - 1]);
  const held = under.cache.sizeBytes("cubes/");
  assert.ok(held > 0 && held < whole / 3, `${held} of ${whole} bytes are there`);
  const [map, again] = await Promise.all([parts.readMap(5), parts.readMap(5)]);
  assertEquals(map, Float32Array.from({ length: 40 * 48 }, (_, i) => i * 300 + 5));
  assertEquals(map, again);
  const region = { row: 39, col: 0, rows: 1, cols: 48 };
  assertEquals((await parts.readBlock(region)).at(-1), SHAPE[0] * ROW - 1);
  const mask = await parts.readMask(region);
  assertEquals([mask[5 + 300 * 4], mask[6 + 300 * 4], mask[5 + 300 * 3]], [1, 0, 0]); // pixel 39 x 48 + 4 is 7 x 268
  assertEquals((await parts.readImage("height"))?.values_HW[9], 2);
  assertEquals(await parts.readImage("none"), undefined);
  for (const wrong of [-1, 300, 0.5]) await assertFailsWith("outside_cube", () => parts.readMap(wrong));
  await assertFailsWith("outside_cube", () => parts.readBlock({ ...region, rows: 2 }));
  store.cubes.close();
});

s3Test("a local folder is whole, and has the channels that were added meanwhile", async (under) => {
  const records = new MemoryCubeRecords();
  const [one, two] = [open(under, records), open(under, records)];
  await addLargeCube(one);
  await forget(under);
  await (await one.cubes.open("cube_1")).readSpectra(0, 0, 1);
  const channel = { name: "phase", quantity: "", unit: "deg", values_HW: new Float32Array(40 * 48).fill(7) };
  await one.cubes.localFolder("cube_1");
  await two.cubes.addImage("cube_1", channel);
  const folders = await Promise.all([one.cubes.localFolder("cube_1"), one.cubes.localFolder("cube_1")]);
  const reader = openCubeFile(folders[0]);
  assertEquals([reader.imageNames, reader.readImage("phase")], [["height", "phase"], channel]);
  assertEquals(reader.readSpectrum(39, 47)[299], SHAPE[0] * ROW - 1);
  reader.close();
  assertEquals((await (await one.cubes.open("cube_1")).readImage("phase"))?.values_HW[3], 7);
  one.cubes.close();
});

s3Test("more cubes than the cache holds are read in turn", async (under) => {
  const store = open(under);
  for (const id of ["cube_1", "cube_2", "cube_3"]) await addLargeCube(store, id);
  for (let round = 0; round < 2; round++) {
    const reads = ["cube_1", "cube_2", "cube_3"].map(async (id) => (await store.cubes.open(id)).readMap(1));
    for (const map of await Promise.all(reads)) assertEquals(map.at(-1), SHAPE[0] * ROW - 299);
  }
  assert.ok(under.cache.sizeBytes() < 6e6);
  store.cubes.close();
}, { cacheBytes: 3e6, lentMs: 0 });

s3Test("an image channel replaces the object that a failed attempt left", async (under) => {
  const store = open(under);
  await addLargeCube(store);
  const keys = await store.storedKeys();
  const channel = { name: "phase", quantity: "", unit: "", values_HW: new Float32Array(40 * 48).fill(7) };
  await store.cubes.addImage("cube_1", channel);
  const [added] = (await store.storedKeys()).filter((key) => !keys.includes(key));
  await addLargeCube(store, "cube_2");
  await under.bucket.send({ method: "PUT", key: added.replace("cube_1", "cube_2"), body: new Uint8Array(5) });
  await store.cubes.addImage("cube_2", channel);
  await forget(under);
  assertEquals((await (await store.cubes.open("cube_2")).readImage("phase"))?.values_HW[1919], 7);
  store.cubes.close();
});

s3Test("a cube that is refused leaves no objects, and a sweep removes those without a record", async (under) => {
  const store = open(under);
  await addLargeCube(store);
  await under.bucket.send({ method: "PUT", key: "cubes/cube_9/values.f32", body: new Uint8Array(5) });
  assertEquals(await store.cubes.sweep(Date.now() - 60_000), 0);
  assertEquals(await store.cubes.sweep(Date.now() + 60_000), 1);
  assertEquals(await store.storedCubes(), ["cube_1"]);
  store.cubes.close();
});
