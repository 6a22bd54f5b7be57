import { LoopscopeError } from "../../base/errors.ts";
import { asStoreError } from "../disk_error.ts";
import { PART_BYTES, putObject, sizeOfObject, tag } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";

/** Parts of one object on their way at a time. */
const PARTS_AT_ONCE = 4;
/** S3's limit. */
const MOST_PARTS = 10_000;

interface TransferOptions {
  signal?: AbortSignal;
}

/** Stores a local file as an object, which appears whole or not at all. Memory: a few parts. */
export async function uploadFile(
  bucket: S3Bucket,
  key: string,
  path: string,
  { signal }: TransferOptions = {},
): Promise<void> {
  using file = await Deno.open(path);
  const { size } = await file.stat();
  if (size <= PART_BYTES) return await putObject(bucket, key, readPart(file, 0, size), { signal });
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
  const uploadId = await begin(bucket, key);
  try {
    const etags = await inParts(size, partBytes, async (part, start, length) => {
      const query = { partNumber: String(part + 1), uploadId };
      const answer = await bucket.send({
        method: "PUT",
        key,
        query,
        body: readPart(file, start, length),
        signal,
      });
      return answer?.headers.get("etag") ?? "";
    });
    await complete(bucket, key, uploadId, etags);
  } catch (error) {
    await bucket.send({ method: "DELETE", key, query: { uploadId } }).catch(() => {}); // a sweep finds it
    throw error;
  }
}

/** Writes an object to a new local file; false, and no file, where there is no such object. */
export async function downloadFile(
  bucket: S3Bucket,
  key: string,
  path: string,
  { signal, beforeWrite }: TransferOptions & { beforeWrite?: (bytes: number) => Promise<void> } = {},
): Promise<boolean> {
  const sizeBytes = await sizeOfObject(bucket, key);
  if (sizeBytes === undefined) return false;
  await beforeWrite?.(sizeBytes);
  try {
    using file = await Deno.open(path, { write: true, createNew: true });
    await inParts(sizeBytes, PART_BYTES, async (_, start, length) => {
      const range = { first: start, last: start + length - 1 };
      const answer = await bucket.send({ method: "GET", key, range, signal });
      if (!answer) throw new Deno.errors.NotFound(`${key} was removed meanwhile`);
      writePart(file, start, answer.bytes, length);
    });
    return true;
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function begin(bucket: S3Bucket, key: string): Promise<string> {
  const answer = await bucket.send({ method: "POST", key, query: { uploads: "" } });
  const uploadId = tag(new TextDecoder().decode(answer?.bytes), "UploadId");
  if (!uploadId) throw new LoopscopeError("internal", "storage_failed", "The object storage began no upload in parts");
  return uploadId;
}

async function complete(bucket: S3Bucket, key: string, uploadId: string, etags: readonly string[]): Promise<void> {
  const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
  const xml = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  const answer = await bucket.send({ method: "POST", key, query: { uploadId }, body: new TextEncoder().encode(xml) });
  // S3 may answer 200 first and fail afterwards.
  const text = new TextDecoder().decode(answer?.bytes);
  if (answer && tag(text, "Code") === undefined) return;
  const code = tag(text, "Code") ?? "NoSuchUpload";
  const message = `The object storage did not put an object together (${code})`;
  throw new LoopscopeError("unavailable", "storage_unavailable", message, { retryAfterS: 5 });
}

/** Runs `move` for each part of so many bytes, a few at a time; the results in order. The first failure ends it. */
async function inParts<T>(
  sizeBytes: number,
  partBytes: number,
  move: (part: number, start: number, length: number) => Promise<T>,
): Promise<T[]> {
  const count = Math.ceil(sizeBytes / partBytes);
  const results = new Array<T>(count);
  let next = 0, failed = false;
  async function work(): Promise<void> {
    while (next < count && !failed) {
      const part = next++;
      const start = part * partBytes;
      results[part] = await move(part, start, Math.min(partBytes, sizeBytes - start)).catch((error) => {
        failed = true;
        throw error;
      });
    }
  }
  const settled = await Promise.allSettled(Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, work));
  for (const one of settled) if (one.status === "rejected") throw one.reason;
  return results;
}

/** Seeking and reading are one synchronous step: several parts are read from one file. */
function readPart(file: Deno.FsFile, start: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  file.seekSync(start, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const got = file.readSync(bytes.subarray(at));
    if (got === null) throw new RangeError(`The file ends at byte ${start + at}; expected ${start + length}`);
    at += got;
  }
  return bytes;
}

function writePart(file: Deno.FsFile, start: number, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new LoopscopeError("internal", "storage_failed", `A part has ${bytes.length} bytes; expected ${length}`);
  }
  try {
    file.seekSync(start, Deno.SeekMode.Start);
    for (let at = 0; at < length;) at += file.writeSync(bytes.subarray(at));
  } catch (error) {
    throw asStoreError(error);
  }
}
