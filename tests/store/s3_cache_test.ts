import { CacheFolder } from "../../lib/store/s3/cache_folder.ts";
import { listObjects } from "../../lib/store/s3/objects.ts";
import { S3CheckpointStore } from "../../lib/store/s3/s3_checkpoint_store.ts";
import { S3ResultCache } from "../../lib/store/s3/s3_result_cache.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { s3Test } from "../support/s3_cache.ts";

const keysIn = async (bucket: Parameters<typeof listObjects>[0], prefix: string) =>
  (await Array.fromAsync(listObjects(bucket, prefix))).map(({ key }) => key);

s3Test("what a worker saves that lost the job stands behind later attempts, and goes with the job", async (under) => {
  const checkpoints = new S3CheckpointStore(under.bucket);
  assertEquals(await checkpoints.load("job_1"), undefined);
  await checkpoints.save("job_1", Uint8Array.of(1), 1);
  await checkpoints.save("job_1", Uint8Array.of(2), 2);
  await checkpoints.save("job_1", Uint8Array.of(3), 1);
  await checkpoints.save("job_11", Uint8Array.of(4), 10);
  assertEquals([await checkpoints.load("job_1"), await checkpoints.load("job_11")], [
    Uint8Array.of(2),
    Uint8Array.of(4),
  ]);
  await checkpoints.remove("job_1");
  assertEquals(await checkpoints.load("job_1"), undefined);
  await checkpoints.save("job_1", Uint8Array.of(5), 1);
  assertEquals(await checkpoints.sweep((jobs) => Promise.resolve(jobs.filter((job) => job === "job_11"))), 1);
  assertEquals(await keysIn(under.bucket, "jobs/"), ["jobs/job_11/0000000010"]);
});

s3Test("a result is found by another process, and is gone with its cube", async ({ bucket, cache }) => {
  const [one, two] = [new S3ResultCache(bucket, cache, 1e6), new S3ResultCache(bucket, cache, 1e6)];
  const bytes = new TextEncoder().encode("result");
  const etag = await one.put("cube_1", "gmm", bytes);
  await one.put("cube_11", "gmm", bytes);
  assertEquals(etag, "f6a214f7a5fcda0c2cee9660b7fc29f5649e3c68aad48e20e950137c98913a68"); // SHA-256 of "result"
  assertEquals(await two.get("cube_1", "gmm"), { bytes, etag });
  assertEquals([await two.has("cube_1", "gmm"), await two.has("cube_1", "pca")], [true, false]);
  await two.removeScope("cube_1");
  assertEquals([await one.get("cube_1", "gmm"), await one.has("cube_11", "gmm")], [undefined, true]);
});

s3Test("results beyond the bound go, the oldest first", async ({ bucket, cache }) => {
  const results = new S3ResultCache(bucket, cache, 250);
  for (const key of ["a", "b", "c"]) {
    await results.put("cube_1", key, new Uint8Array(100));
    if (key === "a") await new Promise((resolve) => setTimeout(resolve, 1100)); // S3 tells seconds
  }
  const there = await Promise.all(["a", "b", "c"].map((key) => results.has("cube_1", key)));
  assertEquals(there, [false, true, true]);
});

s3Test("copies beyond the bound go, the least recently used first, pinned and lent ones last", async ({ cache }) => {
  const made: string[] = [];
  const get = (name: string) =>
    cache.get(`x/${name}`, async (draft) => {
      made.push(name);
      await Deno.writeFile(draft, new Uint8Array(100));
    });
  for (const name of ["a", "b"]) await get(name);
  cache.pin("x/b");
  await Promise.all([get("a"), get("c"), get("c")]);
  assertEquals(made, ["a", "b", "c"]);
  await get("d");
  assertEquals([cache.names("x/"), cache.sizeBytes()], [["x/b", "x/d"], 200]);
}, { cacheBytes: 250, lentMs: 0 });

s3Test("what was asked for a moment ago is not taken away", async ({ cache }) => {
  for (const name of ["a", "b", "c"]) {
    await cache.get(`x/${name}`, (draft) => Deno.writeFile(draft, new Uint8Array(100)));
  }
  assertEquals(cache.sizeBytes(), 300);
}, { cacheBytes: 250, lentMs: 60_000 });

Deno.test("processes with one data folder have a cache each, and find it empty", async () => {
  const root = await Deno.makeTempDir();
  try {
    const [one, two] = [CacheFolder.open(root), CacheFolder.open(root)];
    assertEquals([one.root, two.root], [`${root}/cache-1`, `${root}/cache-2`]);
    const kept = await one.makeFolder("cube");
    one.close();
    const next = CacheFolder.open(root);
    assertEquals(next.root, `${root}/cache-1`);
    await assert.rejects(Deno.stat(kept), Deno.errors.NotFound);
    next.close();
    two.close();
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
