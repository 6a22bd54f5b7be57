import { LoopscopeError } from "../../base/errors.ts";
import type { S3Bucket } from "./s3_bucket.ts";

export interface StoredObject {
  /** Within the prefix. */
  key: string;
  sizeBytes: number;
  modifiedMs: number;
}

interface CallOptions {
  signal?: AbortSignal;
}

/** An object goes up, or comes down, in parts of this size: what is lost with a connection, and what is in memory. */
export const PART_BYTES = 8 * 2 ** 20;

export async function putObject(
  bucket: S3Bucket,
  key: string,
  body: Uint8Array<ArrayBuffer>,
  { signal }: CallOptions = {},
): Promise<void> {
  await bucket.send({ method: "PUT", key, body, signal });
}

/**
 * Puts an object in place of one that was left by a writer that failed. That writer's request may still be on its way: where
 * it arrives later it changes nothing.
 */
export async function replaceObject(bucket: S3Bucket, key: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await bucket.send({ method: "PUT", key, body, ifAbsent: true })) return;
    await removeObject(bucket, key);
  }
  throw new LoopscopeError("unavailable", "storage_unavailable", `${key} is being written by another process`, {
    retryAfterS: 5,
  });
}

/** The whole of a small object, or a range of one; undefined where there is none. */
export async function getObject(
  bucket: S3Bucket,
  key: string,
  { signal, range }: CallOptions & { range?: { first: number; last: number } } = {},
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  return (await bucket.send({ method: "GET", key, range, signal }))?.bytes;
}

/** Undefined where there is no such object. */
export async function sizeOfObject(bucket: S3Bucket, key: string): Promise<number | undefined> {
  const answer = await bucket.send({ method: "HEAD", key });
  return answer && Number(answer.headers.get("content-length"));
}

/** One that is not there is fine. */
export async function removeObject(bucket: S3Bucket, key: string): Promise<void> {
  await bucket.send({ method: "DELETE", key });
}

/** Removes everything whose key begins so. */
export async function removeObjects(bucket: S3Bucket, prefix: string): Promise<void> {
  let removing: Promise<void>[] = [];
  for await (const { key } of listObjects(bucket, prefix)) {
    removing.push(removeObject(bucket, key));
    if (removing.length < 64) continue;
    await Promise.all(removing);
    removing = [];
  }
  await Promise.all(removing);
}

/** All objects whose key begins so, in the order of their keys; `pageSize` of them a request. */
export async function* listObjects(bucket: S3Bucket, prefix: string, pageSize = 1000): AsyncGenerator<StoredObject> {
  const own = bucket.location.prefix;
  for (let token: string | undefined = ""; token !== undefined;) {
    const query = { "list-type": "2", prefix: own + prefix, "max-keys": String(pageSize) };
    const answer = await bucket.send({
      method: "GET",
      query: token ? { ...query, "continuation-token": token } : query,
    });
    const text = new TextDecoder().decode(answer?.bytes);
    for (const [, entry] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
      yield {
        key: (tag(entry, "Key") ?? "").slice(own.length),
        sizeBytes: Number(tag(entry, "Size")),
        modifiedMs: Date.parse(tag(entry, "LastModified") ?? ""),
      };
    }
    token = tag(text, "NextContinuationToken");
  }
}

/** The text of an element without elements in it. */
export function tag(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(lt|gt|quot|apos|amp|#[0-9]+|#x[0-9a-fA-F]+);/g, (_, entity: string) => {
    if (entity.startsWith("#")) return String.fromCodePoint(Number(entity.slice(1).replace(/^x/, "0x")));
    return { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" }[entity]!;
  });
}
