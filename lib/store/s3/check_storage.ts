import { LoopscopeError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import { getObject, listObjects, putObject, removeObject } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";

/**
 * Writes, reads, lists and removes one small object, as a start does: what is wrong with keys, bucket or server is said then
 * in one line. Throws as `S3Bucket.send` does, and `storage_failed` where the server does not show what was just written.
 */
export async function checkStorage(bucket: S3Bucket): Promise<void> {
  const key = `probe/${newId<string>("probe")}`;
  const written = new TextEncoder().encode(key);
  await putObject(bucket, key, written);
  try {
    const read = await getObject(bucket, key, { range: { first: 6, last: 10 } });
    if (new TextDecoder().decode(read) !== "probe") throw failed("a range of an object that was just written");
    const [listed] = await Array.fromAsync(listObjects(bucket, key));
    if (listed?.sizeBytes !== written.length) throw failed("an object that was just written in a listing");
    if (await bucket.send({ method: "PUT", key, body: written, ifAbsent: true })) {
      throw failed("that an object is there already (If-None-Match on PUT)");
    }
  } finally {
    await removeObject(bucket, key);
  }
}

function failed(what: string): LoopscopeError {
  return new LoopscopeError("internal", "storage_failed", `The object storage does not show ${what}`);
}
