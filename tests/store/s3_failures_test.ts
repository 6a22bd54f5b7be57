import { LoopscopeError } from "../../lib/base/errors.ts";
import { checkStorage } from "../../lib/store/s3/check_storage.ts";
import { listObjects } from "../../lib/store/s3/objects.ts";
import { S3BlobStore } from "../../lib/store/s3/s3_blob_store.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { S3CubeStore } from "../../lib/store/s3/s3_cube_store.ts";
import { addCube } from "../support/stored_cube.ts";
import { MemoryClaims, MemoryCubeRecords } from "../support/memory_records.ts";
import { s3Test } from "../support/s3_cache.ts";
import { S3_KEYS } from "../support/s3_server.ts";

s3Test("a start finds a storage in order and leaves nothing there", async ({ bucket }) => {
  await checkStorage(bucket);
  assertEquals(await Array.fromAsync(listObjects(bucket, "")), []);
});

s3Test("a start says in one line what is wrong with keys, bucket or server", async ({ server }) => {
  const wrong = [
    [{ keys: { ...S3_KEYS, secretAccessKey: "x" } }, "storage_refused", /expected valid AWS_ACCESS_KEY_ID/],
    [{ name: "other" }, "bucket_missing", /^The object storage has no bucket other; create it first$/],
  ] as const;
  for (const [options, code, message] of wrong) {
    const error = await assertFailsWith(code, () => checkStorage(server.bucket(options)));
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n") && !error.message.includes(S3_KEYS.secretAccessKey));
  }
  await server.kill();
  const error = await assertFailsWith("storage_unavailable", () => checkStorage(server.bucket({ patienceMs: 200 })));
  assert.ok(error instanceof LoopscopeError && error.retryAfterS === 5);
  await server.start();
});

s3Test("requests, failures, retries and bytes are counted, and what the cache spared", async ({ server, cache }) => {
  const bucket = server.bucket({ patienceMs: 250 });
  const blobs = new S3BlobStore(bucket, cache, new MemoryClaims(() => true));
  const { sha256 } = await blobs.put(new Blob(["abcdef"]).stream(), { maxBytes: 6 });
  assertEquals([bucket.counts.sentBytes, bucket.counts.failures], [6, 0]);
  await blobs.get(sha256);
  assertEquals([cache.counts.hits, cache.counts.misses], [1, 0]);
  await Deno.remove(cache.folder.root, { recursive: true });
  await blobs.get(sha256);
  assertEquals([cache.counts.hits, cache.counts.misses, bucket.counts.receivedBytes], [1, 1, 6]);
  const { requests } = bucket.counts;
  await server.kill();
  await assertFailsWith("storage_unavailable", () => blobs.get(sha256));
  assertEquals([bucket.counts.requests, bucket.counts.failures], [requests + 1, 1]);
  assert.ok(bucket.counts.retries > 0);
  await server.start();
});

s3Test(
  "a cube is removed while the storage is away; what it left there goes with a sweep",
  async ({ server, cache }) => {
    const bucket = server.bucket({ patienceMs: 200 });
    const records = new MemoryCubeRecords();
    const blobs = new S3BlobStore(bucket, cache, new MemoryClaims((sha256) => records.needs(sha256)));
    const cubes = new S3CubeStore({ bucket, cache, records, blobs });
    const { sha256 } = await blobs.put(new Blob(["abc"]).stream(), { maxBytes: 3 });
    await addCube({ cubes, scratch: cache.folder }, { id: "cube_1", sha256 });
    await blobs.release(sha256);
    await server.kill();
    await assertFailsWith("storage_unavailable", () => addCube({ cubes, scratch: cache.folder }, { id: "cube_2" }));
    assertEquals([await cubes.get("cube_2"), await cubes.remove("cube_1"), await cubes.get("cube_1")], [
      undefined,
      true,
      undefined,
    ]);
    await server.start();
    assertEquals([await cubes.sweep(Date.now() + 60_000), await blobs.sweep()], [1, 1]);
    assertEquals(await Array.fromAsync(listObjects(bucket, "")), []);
    cubes.close();
  },
);
