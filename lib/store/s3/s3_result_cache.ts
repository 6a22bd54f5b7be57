import { createHash } from "node:crypto";
import { LoopscopeError } from "../../base/errors.ts";
import type { CachedResult, ResultCache } from "../ports/result_cache.ts";
import type { DiskCache } from "./disk_cache.ts";
import { getObject, listObjects, putObject, removeObject, removeObjects, sizeOfObject } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";

const PREFIX = "results/";
/** How much is put before the bound is looked at again: a part of it. */
const LOOK_EVERY = 1 / 16;

/**
 * Objects `results/SCOPE/HASH-OF-KEY`, found by every process, with copies on the local disk. The oldest go first. What the
 * compute process writes itself (`localFile`) stays on this host.
 */
export class S3ResultCache implements ResultCache {
  /** Infinite at first: how much there is must be seen. */
  #putSinceLook = Infinity;

  constructor(
    private readonly bucket: S3Bucket,
    private readonly cache: DiskCache,
    private readonly maxBytes: number,
  ) {}

  async get(scope: string, key: string): Promise<CachedResult | undefined> {
    try {
      const path = await this.cache.get(nameOf(scope, key), async (draft) => {
        const bytes = await getObject(this.bucket, keyOf(scope, key));
        if (!bytes) throw new Deno.errors.NotFound();
        await Deno.writeFile(draft, bytes);
      });
      const bytes = await Deno.readFile(path);
      return { bytes, etag: digest(bytes) };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  async has(scope: string, key: string): Promise<boolean> {
    if (this.cache.find(nameOf(scope, key))) return true;
    return await sizeOfObject(this.bucket, keyOf(scope, key)) !== undefined;
  }

  async put(scope: string, key: string, bytes: Uint8Array): Promise<string> {
    const etag = digest(bytes);
    if (bytes.length > this.maxBytes) return etag;
    try {
      await putObject(this.bucket, keyOf(scope, key), new Uint8Array(bytes));
      await this.#lookAfter(bytes.length);
    } catch (error) {
      // A cache that cannot grow is no reason to withhold a result.
      if (!(error instanceof LoopscopeError && error.kind === "unavailable")) throw error;
    }
    return etag;
  }

  async removeScope(scope: string): Promise<void> {
    for (const name of this.cache.names(`${PREFIX}${scope}.`)) await this.cache.remove(name);
    await removeObjects(this.bucket, `${PREFIX}${scope}/`);
  }

  async localFile(
    scope: string,
    key: string,
    make: (paths: { draft: string; file: string }) => Promise<void>,
  ): Promise<string> {
    const name = nameOf(scope, key);
    const found = this.cache.find(name);
    if (found) return found;
    const file = this.cache.pathOf(name);
    Deno.mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
    await make({ draft: this.cache.folder.tmpPath("applied"), file });
    return this.cache.accept(name);
  }

  get sizeBytes(): number {
    return this.cache.sizeBytes(PREFIX);
  }

  /** Removes the oldest objects beyond the bound; several processes may do so at the same time. */
  async shrink(): Promise<void> {
    const objects = await Array.fromAsync(listObjects(this.bucket, PREFIX));
    let sizeBytes = objects.reduce((sum, object) => sum + object.sizeBytes, 0);
    for (const object of objects.sort((a, b) => a.modifiedMs - b.modifiedMs)) {
      if (sizeBytes <= this.maxBytes) return;
      await removeObject(this.bucket, object.key);
      sizeBytes -= object.sizeBytes;
    }
  }

  async #lookAfter(putBytes: number): Promise<void> {
    this.#putSinceLook += putBytes;
    if (this.#putSinceLook < this.maxBytes * LOOK_EVERY) return;
    this.#putSinceLook = 0;
    await this.shrink();
  }
}

function keyOf(scope: string, key: string): string {
  return `${PREFIX}${scope}/${createHash("sha256").update(key).digest("hex")}`;
}

function nameOf(scope: string, key: string): string {
  return `${PREFIX}${scope}.${createHash("sha256").update(key).digest("hex")}`;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
