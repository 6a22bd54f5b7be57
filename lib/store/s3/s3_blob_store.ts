import { LoopscopeError } from "../../base/errors.ts";
import { asStoreError } from "../disk_error.ts";
import { removeIfThere } from "../durable.ts";
import type { BlobStore, PutOptions, StoredBlob } from "../ports/blob_store.ts";
import type { BlobClaims } from "../ports/records.ts";
import { receiveFile } from "../receive_file.ts";
import type { DiskCache } from "./disk_cache.ts";
import { listObjects, removeObject, sizeOfObject } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";
import { downloadFile, uploadFile } from "./transfer.ts";

const PREFIX = "blobs/";

/** Objects `blobs/ab/abcd…`, written once; who needs them stands in the records. */
export class S3BlobStore implements BlobStore {
  constructor(
    private readonly bucket: S3Bucket,
    private readonly cache: DiskCache,
    private readonly claims: BlobClaims,
  ) {}

  async put(stream: ReadableStream<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    const draft = this.cache.folder.tmpPath("upload");
    try {
      const beforeWrite = (bytes: number) => this.cache.folder.requireFree(bytes);
      const { sha256, sizeBytes } = await receiveFile(stream, draft, { ...options, beforeWrite });
      await this.hold(sha256);
      try {
        const isThere = await sizeOfObject(this.bucket, keyOf(sha256)) === sizeBytes;
        if (!isThere) await uploadFile(this.bucket, keyOf(sha256), draft, { signal: options.signal });
        const path = this.cache.find(nameOf(sha256)) ?? this.cache.adopt(nameOf(sha256), draft);
        return { sha256, sizeBytes, path };
      } catch (error) {
        await this.release(sha256);
        throw error;
      }
    } catch (error) {
      throw asStoreError(error);
    } finally {
      removeIfThere(draft);
    }
  }

  async get(sha256: string): Promise<StoredBlob | undefined> {
    await this.hold(sha256);
    const key = keyOf(sha256);
    try {
      const sizeBytes = await sizeOfObject(this.bucket, key);
      if (sizeBytes !== undefined) {
        const path = await this.cache.get(nameOf(sha256), async (draft) => {
          const beforeWrite = (bytes: number) => this.cache.folder.requireFree(bytes);
          if (!await downloadFile(this.bucket, key, draft, { beforeWrite })) {
            throw new LoopscopeError("internal", "blob_missing", `Blob ${sha256} is no longer in the object storage`);
          }
        });
        return { sha256, sizeBytes, path };
      }
    } catch (error) {
      await this.release(sha256);
      throw error;
    }
    await this.release(sha256);
  }

  async release(sha256: string): Promise<void> {
    this.cache.unpin(nameOf(sha256));
    await this.claims.release(sha256, async () => {
      await removeObject(this.bucket, keyOf(sha256)).catch(() => {}); // a sweep finds it
      await this.cache.remove(nameOf(sha256));
    });
  }

  /** Removes every blob that is not held and that no record needs, as those who hold a blob and die leave it. */
  async sweep(): Promise<number> {
    let removed = 0;
    for await (const { key } of listObjects(this.bucket, PREFIX)) {
      const sha256 = key.slice(key.lastIndexOf("/") + 1);
      await this.claims.hold(sha256);
      await this.claims.release(sha256, async () => {
        await removeObject(this.bucket, key);
        removed++;
      });
    }
    return removed;
  }

  /** Keeps a blob, whether it is there or not, from being removed until as many calls of `release`. */
  async hold(sha256: string): Promise<void> {
    await this.claims.hold(sha256);
    this.cache.pin(nameOf(sha256));
  }
}

function keyOf(sha256: string): string {
  return `${PREFIX}${sha256.slice(0, 2)}/${sha256}`;
}

function nameOf(sha256: string): string {
  return `blobs/${sha256}`;
}
