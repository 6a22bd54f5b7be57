import { createHash } from "node:crypto";
import type { CachedResult, ResultCache } from "../ports/result_cache.ts";
import type { DataFolder } from "./data_folder.ts";
import { isDiskFull, onDisk } from "../disk_error.ts";
import { entriesIn, exists, removeIfThere } from "../durable.ts";

const DIGEST_BYTES = 32;

/**
 * Files `results/SCOPE/HASH-OF-KEY`, a digest and then the bytes: a file that a crash left half written does not match
 * its digest and is taken for absent, so nothing here waits for the disk. The least recently used go first.
 */
export class DiskResultCache implements ResultCache {
  /** Path to size, least recently used first. */
  readonly #entries = new Map<string, number>();
  #sizeBytes = 0;

  /** `shared`: beside the service whose cache it is, which takes files away at any time: none are looked at. */
  constructor(
    private readonly folder: DataFolder,
    private readonly maxBytes: number,
    { shared = false }: { shared?: boolean } = {},
  ) {
    if (!shared) this.#readFolder();
  }

  #readFolder(): void {
    const { folder } = this;
    const found: { path: string; size: number; usedMs: number }[] = [];
    for (const scope of entriesIn(folder.resultsPath)) {
      for (const file of entriesIn(`${folder.resultsPath}/${scope.name}`)) {
        if (!file.isFile) continue;
        const path = `${folder.resultsPath}/${scope.name}/${file.name}`;
        const { size, mtime } = Deno.statSync(path);
        found.push({ path, size, usedMs: mtime?.getTime() ?? 0 });
      }
    }
    for (const { path, size } of found.sort((a, b) => a.usedMs - b.usedMs)) this.#remember(path, size);
    this.#shrink();
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async get(scope: string, key: string): Promise<CachedResult | undefined> {
    const path = this.#path(scope, key);
    if (!this.#entries.has(path)) return undefined;
    const content = await Deno.readFile(path).catch(() => undefined);
    const bytes = content?.subarray(DIGEST_BYTES);
    const etag = bytes && digest(bytes);
    if (!content || !bytes || etag !== new Uint8Array(content.subarray(0, DIGEST_BYTES)).toHex()) {
      this.#forget(path);
      return undefined;
    }
    this.#remember(path, content.length);
    return { bytes, etag };
  }

  async put(scope: string, key: string, bytes: Uint8Array): Promise<string> {
    const etag = digest(bytes);
    const size = bytes.length + DIGEST_BYTES;
    if (size > this.maxBytes) return etag;
    const path = this.#path(scope, key);
    const partial = this.folder.tmpPath("result");
    try {
      this.folder.requireFree(size);
      await Deno.mkdir(`${this.folder.resultsPath}/${scope}`, { recursive: true });
      using file = await Deno.open(partial, { write: true, createNew: true });
      for (const part of [Uint8Array.fromHex(etag), bytes]) {
        for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
      }
      await Deno.rename(partial, path);
      this.#remember(path, size);
      this.#shrink();
    } catch (error) {
      removeIfThere(partial);
      // A cache that cannot grow is no reason to withhold a result.
      if (!isDiskFull(error)) throw error;
    }
    return etag;
  }

  async removeScope(scope: string): Promise<void> {
    const path = `${this.folder.resultsPath}/${scope}`;
    for (const entry of [...this.#entries.keys()]) {
      if (entry.startsWith(`${path}/`)) this.#forget(entry);
    }
    await this.folder.discard(path);
  }

  // deno-lint-ignore require-await
  async has(scope: string, key: string): Promise<boolean> {
    return this.#has(this.#path(scope, key));
  }

  async localFile(
    scope: string,
    key: string,
    make: (paths: { draft: string; file: string }) => Promise<void>,
  ): Promise<string> {
    const file = this.#path(scope, key);
    if (this.#has(file)) return file;
    onDisk(() => Deno.mkdirSync(`${this.folder.resultsPath}/${scope}`, { recursive: true }));
    await make({ draft: this.folder.tmpPath("applied"), file });
    this.#remember(file, Deno.statSync(file).size);
    this.#shrink();
    return file;
  }

  #has(path: string): boolean {
    const size = this.#entries.get(path);
    if (size === undefined) return false;
    if (exists(path)) this.#remember(path, size);
    else this.#forget(path); // deleted by hand: the cache may be deleted at any time
    return this.#entries.has(path);
  }

  #path(scope: string, key: string): string {
    return `${this.folder.resultsPath}/${scope}/${createHash("sha256").update(key).digest("hex")}`;
  }

  #remember(path: string, size: number): void {
    this.#sizeBytes += size - (this.#entries.get(path) ?? 0);
    this.#entries.delete(path);
    this.#entries.set(path, size);
  }

  #forget(path: string): void {
    this.#sizeBytes -= this.#entries.get(path) ?? 0;
    this.#entries.delete(path);
    removeIfThere(path);
  }

  #shrink(): void {
    for (const path of this.#entries.keys()) {
      if (this.#sizeBytes <= this.maxBytes) return;
      this.#forget(path);
    }
  }
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
