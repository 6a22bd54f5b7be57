import type { BlobStore, PutOptions, StoredBlob } from "../ports/blob_store.ts";
import type { DataFolder } from "./data_folder.ts";
import { asStoreError } from "../disk_error.ts";
import { receiveFile } from "../receive_file.ts";
import { entriesIn, exists, removeIfThere, syncFolder } from "../durable.ts";

const BLOB_NAME = /^[0-9a-f]{64}$/;

/** Blobs in `blobs/ab/abcd…`. `isNeeded` says whether a record refers to a blob. */
export class DiskBlobStore implements BlobStore {
  readonly #holds = new Map<string, number>();

  constructor(private readonly folder: DataFolder, private readonly isNeeded: (sha256: string) => boolean) {}

  async put(stream: ReadableStream<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    const partial = this.folder.tmpPath("upload");
    try {
      const beforeWrite = (bytes: number) => this.folder.requireFree(bytes);
      const { sha256, sizeBytes } = await receiveFile(stream, partial, { ...options, beforeWrite, durable: true });
      const path = this.folder.blobPath(sha256);
      // Bytes that were damaged on the disk are replaced by the whole ones.
      if (this.find(sha256)?.sizeBytes !== sizeBytes) this.#keep(partial, path);
      this.hold(sha256);
      return { sha256, sizeBytes, path };
    } catch (error) {
      throw asStoreError(error);
    } finally {
      removeIfThere(partial);
    }
  }

  // deno-lint-ignore require-await
  async get(sha256: string): Promise<StoredBlob | undefined> {
    const blob = this.find(sha256);
    if (blob) this.hold(sha256);
    return blob;
  }

  find(sha256: string): StoredBlob | undefined {
    const path = this.folder.blobPath(sha256);
    const stat = exists(path) ? Deno.lstatSync(path) : undefined;
    return stat?.isFile ? { sha256, sizeBytes: stat.size, path } : undefined;
  }

  /** Keeps a blob from being removed until as many calls of `release`. */
  hold(sha256: string): void {
    this.#holds.set(sha256, (this.#holds.get(sha256) ?? 0) + 1);
  }

  async release(sha256: string): Promise<void> {
    const left = (this.#holds.get(sha256) ?? 0) - 1;
    if (left > 0) return void this.#holds.set(sha256, left);
    this.#holds.delete(sha256);
    if (!this.isNeeded(sha256)) await this.folder.discard(this.folder.blobPath(sha256));
  }

  /** Removes every blob that is not held and that no record needs; returns how many. */
  async sweep(): Promise<number> {
    let removed = 0;
    for (const { sha256, path } of this.list()) {
      if (this.#holds.has(sha256) || this.isNeeded(sha256)) continue;
      await this.folder.discard(path);
      removed++;
    }
    return removed;
  }

  *list(): Generator<StoredBlob> {
    const root = `${this.folder.root}/blobs`;
    for (const outer of entriesIn(root)) {
      for (const { name } of entriesIn(`${root}/${outer.name}`)) {
        const blob = BLOB_NAME.test(name) ? this.find(name) : undefined;
        if (blob) yield blob;
      }
    }
  }

  #keep(partial: string, path: string): void {
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (!exists(parent)) {
      Deno.mkdirSync(parent, { recursive: true });
      syncFolder(`${this.folder.root}/blobs`);
    }
    Deno.renameSync(partial, path);
    syncFolder(parent);
  }
}
