import { listObjects } from "../../lib/store/s3/objects.ts";
import { S3BlobStore } from "../../lib/store/s3/s3_blob_store.ts";
import { blobStoreContract } from "../contracts/blob_store_contract.ts";
import { assertEquals } from "../support/assert.ts";
import { MemoryClaims } from "../support/memory_records.ts";
import { openS3, s3Test } from "../support/s3_cache.ts";
import { missingS3Server } from "../support/s3_server.ts";

if (!missingS3Server()) {
  blobStoreContract("blobs in S3", async () => {
    const under = await openS3();
    const needed = new Set<string>();
    const blobs = new S3BlobStore(under.bucket, under.cache, new MemoryClaims((sha256) => needed.has(sha256)));
    return {
      blobs,
      stored: async () => (await Array.fromAsync(listObjects(under.bucket, "blobs/"))).map(({ key }) => key.slice(9)),
      sweep: () => blobs.sweep(),
      need: (sha256) => void needed.add(sha256),
      leftovers: () => [...Deno.readDirSync(`${under.cache.folder.root}/tmp`)].length,
      [Symbol.asyncDispose]: () => under[Symbol.asyncDispose](),
    };
  });
}

const stream = (text: string) => new Blob([text]).stream();

s3Test("a blob comes back where the cache was deleted, and lies under two digits of its SHA-256", async (under) => {
  const { bucket, cache } = under;
  const blobs = new S3BlobStore(bucket, cache, new MemoryClaims(() => true));
  const { sha256 } = await blobs.put(stream("abc"), { maxBytes: 3 });
  assertEquals((await Array.fromAsync(listObjects(bucket, ""))).map(({ key }) => key), [`blobs/ba/${sha256}`]);
  await Deno.remove(cache.folder.root, { recursive: true });
  const again = await blobs.get(sha256);
  assertEquals([again?.sizeBytes, await Deno.readTextFile(again!.path)], [3, "abc"]);
});

s3Test("a blob that two processes put is stored once, and kept while either needs it", async ({ bucket, cache }) => {
  const claims = new MemoryClaims(() => false);
  const [one, two] = [new S3BlobStore(bucket, cache, claims), new S3BlobStore(bucket, cache, claims)];
  const put = (blobs: S3BlobStore) => blobs.put(stream("abc"), { maxBytes: 3 });
  const [{ sha256 }] = await Promise.all([put(one), put(two)]);
  await one.release(sha256);
  assertEquals((await two.get(sha256))?.sizeBytes, 3);
  await two.release(sha256);
  await two.release(sha256);
  assertEquals(await one.get(sha256), undefined);
});
