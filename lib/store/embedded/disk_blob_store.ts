import { createHash } from "node:crypto";
import { LoopscopeError, unprocessable } from "../../base/errors.ts";
import type { BlobStore, PutOptions, StoredBlob } from "../ports/blob_store.ts";
import type { DataFolder } from "./data_folder.ts";
import { asStoreError } from "../disk_error.ts";
import { entriesIn, exists, removeIfThere, syncFolder } from "../durable.ts";

/** Bytes gathered before they are hashed and written: few calls, little memory. */
const BUFFER_BYTES = 1 << 20;
const BLOB_NAME = /^[0-9a-f]{64}$/;

/** Blobs in `blobs/ab/abcd…`. `isNeeded` says whether a record refers to a blob. */
export class DiskBlobStore implements BlobStore {
  readonly #holds = new Map<string, number>();

  constructor(private readonly folder: DataFolder, private readonly isNeeded: (sha256: string) => boolean) {}

  async put(stream: ReadableStream<Uint8Array>, options: PutOptions): Promise<StoredBlob> {
    const partial = this.folder.tmpPath("upload");
    try {
      const beforeWrite = (bytes: number) => this.folder.requireFree(bytes);
      const { sha256, sizeBytes } = await receive(stream, partial, { ...options, beforeWrite });
      if (options.expectedSha256 && options.expectedSha256.toLowerCase() !== sha256) {
        const message = `The body's SHA-256 is ${sha256}; expected ${options.expectedSha256}`;
        throw unprocessable("checksum_mismatch", message);
      }
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

interface ReceiveOptions extends PutOptions {
  /** Throws when the disk should not take so many bytes more. */
  beforeWrite(bytes: number): void;
}

async function receive(stream: ReadableStream<Uint8Array>, path: string, options: ReceiveOptions) {
  const reader = stream.getReader();
  const onAbort = () => void reader.cancel(options.signal?.reason).catch(() => {});
  options.signal?.addEventListener("abort", onAbort);
  try {
    using file = await Deno.open(path, { write: true, createNew: true });
    const received = await copy(reader, file, options);
    await file.sync();
    return received;
  } catch (error) {
    await reader.cancel(error).catch(() => {});
    throw error;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    reader.releaseLock();
  }
}

async function copy(reader: ReadableStreamDefaultReader<Uint8Array>, file: Deno.FsFile, options: ReceiveOptions) {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(BUFFER_BYTES);
  let filled = 0, sizeBytes = 0;
  const flush = async (bytes: Uint8Array) => {
    options.beforeWrite(bytes.length);
    hash.update(bytes);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  };
  while (true) {
    const { done, value } = await reader.read();
    if (options.signal?.aborted) throw new LoopscopeError("cancelled", "cancelled", "The upload was cut off");
    if (done) break;
    sizeBytes += value.length;
    if (sizeBytes > options.maxBytes) throw tooLarge(sizeBytes, options.maxBytes);
    if (filled + value.length > BUFFER_BYTES) {
      await flush(buffer.subarray(0, filled));
      filled = 0;
    }
    if (value.length > BUFFER_BYTES) await flush(value);
    else {
      buffer.set(value, filled);
      filled += value.length;
    }
  }
  await flush(buffer.subarray(0, filled));
  return { sha256: hash.digest("hex"), sizeBytes };
}

function tooLarge(met: number, wanted: number): LoopscopeError {
  return new LoopscopeError("tooLarge", "too_large", `The body has at least ${met} bytes; expected at most ${wanted}`);
}
