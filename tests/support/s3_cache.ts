import { CacheFolder } from "../../lib/store/s3/cache_folder.ts";
import { DiskCache } from "../../lib/store/s3/disk_cache.ts";
import type { S3Bucket } from "../../lib/store/s3/s3_bucket.ts";
import { missingS3Server, type S3Server, startS3Server } from "./s3_server.ts";

export interface S3UnderTest extends AsyncDisposable {
  server: S3Server;
  bucket: S3Bucket;
  cache: DiskCache;
}

export interface S3TestOptions {
  cacheBytes?: number;
  lentMs?: number;
}

/** A server, its bucket, and a cache in a temporary folder. */
export async function openS3({ cacheBytes = 2 ** 30, lentMs }: S3TestOptions = {}): Promise<S3UnderTest> {
  const server = await startS3Server();
  const root = await Deno.makeTempDir({ prefix: "loopscope-cache-" });
  const folder = CacheFolder.open(root, { reserveBytes: 0 });
  return {
    ...{ server, bucket: server.bucket(), cache: new DiskCache(folder, cacheBytes, lentMs) },
    async [Symbol.asyncDispose]() {
      folder.close();
      await server[Symbol.asyncDispose]();
      await Deno.remove(root, { recursive: true });
    },
  };
}

/** A test that needs such a server; skipped, and saying so, where there is none. */
export function s3Test(name: string, run: (under: S3UnderTest) => Promise<void>, options?: S3TestOptions): void {
  const missing = missingS3Server();
  Deno.test({
    name: `S3: ${name}${missing ? ` (skipped: ${missing})` : ""}`,
    ignore: missing !== undefined,
    async fn() {
      await using under = await openS3(options);
      await run(under);
    },
  });
}
