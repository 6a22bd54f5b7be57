import { listObjects, PART_BYTES } from "../../lib/store/s3/objects.ts";
import type { S3Bucket } from "../../lib/store/s3/s3_bucket.ts";
import { S3UploadStore } from "../../lib/store/s3/s3_upload_store.ts";
import { uploadStoreContract } from "../contracts/upload_store_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { MemoryUploadRecords } from "../support/memory_records.ts";
import { openS3, s3Test } from "../support/s3_cache.ts";
import { missingS3Server } from "../support/s3_server.ts";

const signal = new AbortController().signal;
const wanted = { sizeBytes: 6, metadata: {}, owner: "key:a", createdMs: 0, expiresMs: 1000 };
const countIn = async (bucket: S3Bucket) => (await Array.fromAsync(listObjects(bucket, "uploads/"))).length;
const streamOf = (bytes: Uint8Array<ArrayBuffer>) => new Blob([bytes]).stream();

if (!missingS3Server()) {
  uploadStoreContract("uploads in S3", async () => {
    const under = await openS3();
    const records = new MemoryUploadRecords();
    return {
      uploads: new S3UploadStore(under.bucket, records),
      reopen: () => new S3UploadStore(under.bucket, records),
      stored: () => countIn(under.bucket),
      [Symbol.asyncDispose]: () => under[Symbol.asyncDispose](),
    };
  });
}

s3Test("a large piece goes up in parts, whose order the records know", async ({ bucket }) => {
  const uploads = new S3UploadStore(bucket, new MemoryUploadRecords());
  const bytes = new Uint8Array(2 * PART_BYTES + 12345);
  for (let i = 0; i < bytes.length; i += 4099) bytes[i] = i / 4099;
  const { id } = await uploads.create({ ...wanted, sizeBytes: bytes.length });
  assertEquals(await uploads.append(id, 0, streamOf(bytes), { signal }), bytes.length);
  assertEquals(await countIn(bucket), 3);
  const met = await new Response(await uploads.open(id)).bytes();
  assert.ok(met.length === bytes.length && met.every((byte, i) => byte === bytes[i]));
});

s3Test("what was acknowledged outlives a server that is killed in the middle of a piece", async ({ server }) => {
  const bucket = server.bucket({ patienceMs: 300 });
  const uploads = new S3UploadStore(bucket, new MemoryUploadRecords());
  const { id } = await uploads.create(wanted);
  await uploads.append(id, 0, streamOf(new TextEncoder().encode("abc")), { signal });
  await server.kill();
  const next = () => uploads.append(id, 3, streamOf(new TextEncoder().encode("def")), { signal });
  const error = await assertFailsWith("storage_unavailable", next);
  assertEquals(error.message, "The object storage does not answer");
  assertEquals((await uploads.get(id)).offset, 3);
  await server.start();
  assertEquals(await next(), 6);
  assertEquals(await new Response(await uploads.open(id)).text(), "abcdef");
});

s3Test("a sweep removes pieces that no record knows, but no young ones", async ({ bucket }) => {
  const uploads = new S3UploadStore(bucket, new MemoryUploadRecords());
  const { id } = await uploads.create(wanted);
  await uploads.append(id, 0, streamOf(new Uint8Array(3)), { signal });
  for (const key of [`uploads/${id}/piece_x`, "uploads/upload_gone/piece_y"]) {
    await bucket.send({ method: "PUT", key, body: new Uint8Array(1) });
  }
  assertEquals(await uploads.sweep(Date.now() - 60_000), 0);
  assertEquals(await uploads.sweep(Date.now() + 60_000), 2);
  assertEquals((await new Response(await uploads.open(id)).bytes()).length, 3);
});
