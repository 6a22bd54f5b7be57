import { createHash, type Hash } from "node:crypto";
import { conflict, LoopscopeError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import { type Upload, uploadSchema } from "../../schemas/upload.ts";
import type { AppendOptions, UnfinishedUploads, UploadStore } from "../ports/upload_store.ts";
import type { DataFolder } from "./data_folder.ts";
import { asStoreError, onDisk } from "../disk_error.ts";
import { entriesIn, exists, removeIfThere, writeFileDurably } from "../durable.ts";
import { requireCapacity, requireChecksum, requireNoMoreBytes, uploadMissing } from "../upload_checks.ts";

/** What is noted of an upload; its offset is the length of its bytes. */
type Stored = Omit<Upload, "offset">;

const storedSchema = uploadSchema.omit({ offset: true });
/** Finished uploads that are remembered, for clients that lost the last response. */
const ENDED_KEPT = 1024;

/**
 * Uploads that come in pieces and survive cuts and restarts: `uploads/ID.json` and the bytes so far in `uploads/ID.part`,
 * whose length is the offset. Bytes are on the disk before they are acknowledged.
 */
export class DiskUploadStore implements UploadStore {
  readonly #busy = new Set<string>();
  /** As on the disk, oldest first; read once, since no other process changes them meanwhile. */
  #read?: Map<string, Stored>;

  constructor(private readonly folder: DataFolder, private readonly endedKept = ENDED_KEPT) {}

  // deno-lint-ignore require-await
  async create(
    upload: Omit<Upload, "id" | "offset">,
    admit?: (unfinished: UnfinishedUploads) => void,
  ): Promise<Upload> {
    admit?.(this.#unfinishedFor(upload.owner));
    const id = newId<string>("upload", upload.createdMs);
    try {
      onDisk(() => Deno.writeFileSync(this.#path(id, "part"), new Uint8Array(0)));
      this.#save({ ...upload, id });
    } catch (error) {
      this.#remove(id);
      throw error;
    }
    return { ...upload, id, offset: 0 };
  }

  /** Throws `upload_missing`, also for one that has expired. */
  // deno-lint-ignore require-await
  async get(id: string): Promise<Upload> {
    return this.#get(id);
  }

  #get(id: string): Upload {
    const stored = this.#stored.get(id);
    if (stored?.cube !== undefined) return { ...stored, offset: stored.sizeBytes };
    if (!stored || !exists(this.#path(id, "part"))) throw uploadMissing(id);
    return { ...stored, offset: Deno.statSync(this.#path(id, "part")).size };
  }

  #unfinishedFor(owner: string): UnfinishedUploads {
    const all = [...this.#stored.values()].filter(({ cube }) => cube === undefined);
    const mine = all.filter((upload) => upload.owner === owner);
    const bytesOf = (uploads: Stored[]) => uploads.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { count: all.length, promisedBytes: bytesOf(all), mine: { count: mine.length, bytes: bytesOf(mine) } };
  }

  append(id: string, offset: number, piece: ReadableStream<Uint8Array>, options: AppendOptions): Promise<number> {
    return this.exclusively(id, async (upload) => {
      if (offset !== upload.offset) {
        throw conflict("wrong_offset", `Upload-Offset is ${offset}; expected ${upload.offset}`);
      }
      if (upload.cube !== undefined) return await requireNoMoreBytes(piece, upload); // its bytes are no longer here
      const path = this.#path(id, "part");
      using file = await Deno.open(path, { append: true });
      const hash = options.checksum && createHash(options.checksum.algorithm);
      try {
        const beforeWrite = (bytes: number) => this.folder.requireFree(bytes);
        const end = await receive(piece, file, { upload, hash, signal: options.signal, beforeWrite });
        if (hash) requireChecksum(hash.digest(), options.checksum!.digest);
        return end;
      } catch (error) {
        if (hash || (error as { code?: string }).code === "too_large") await file.truncate(offset);
        throw asStoreError(error);
      } finally {
        await file.sync().catch((error) => Promise.reject(asStoreError(error)));
      }
    });
  }

  /** The whole upload's bytes. */
  async open(id: string): Promise<ReadableStream<Uint8Array>> {
    return (await Deno.open(this.#path(id, "part"))).readable;
  }

  // deno-lint-ignore require-await
  async finish(upload: Upload, cube: string): Promise<void> {
    this.#save({ ...upload, cube });
    removeIfThere(this.#path(upload.id, "part"));
    const ended = [...this.#stored.values()].filter(({ cube }) => cube !== undefined);
    for (const { id } of ended.slice(0, Math.max(0, ended.length - this.endedKept))) this.#remove(id);
  }

  // deno-lint-ignore require-await
  async remove(id: string): Promise<void> {
    this.#remove(id);
  }

  #remove(id: string): void {
    removeIfThere(this.#path(id, "json"));
    removeIfThere(this.#path(id, "part"));
    this.#stored.delete(id);
  }

  // deno-lint-ignore require-await
  async expire(nowMs: number): Promise<number> {
    const all = [...this.#stored.values()];
    const old = all.filter(({ id, expiresMs }) => expiresMs <= nowMs && !this.#busy.has(id));
    for (const { id } of old) this.#remove(id);
    return old.length;
  }

  /** After a start: removes what an upload left that was being begun or removed; returns how many files. */
  sweep(): number {
    const names = [...Deno.readDirSync(`${this.folder.root}/uploads`)].map(({ name }) => name);
    const left = names.filter((name) => !names.includes(`${name.split(".")[0]}.json`) || name.endsWith(".json.part"));
    for (const name of left) removeIfThere(`${this.folder.root}/uploads/${name}`);
    return left.length;
  }

  async exclusively<T>(id: string, run: (upload: Upload) => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw conflict("upload_busy", `Another request is working on upload ${id}`);
    this.#busy.add(id);
    try {
      return await run(this.#get(id));
    } finally {
      this.#busy.delete(id);
    }
  }

  #save({ offset: _, ...stored }: Stored & { offset?: number }): void {
    writeFileDurably(this.#path(stored.id, "json"), new TextEncoder().encode(JSON.stringify(stored)));
    this.#stored.delete(stored.id); // to the end: one that ended counts from then
    this.#stored.set(stored.id, stored);
  }

  get #stored(): Map<string, Stored> {
    return this.#read ??= new Map(readAll(`${this.folder.root}/uploads`).map((upload) => [upload.id, upload]));
  }

  #path(id: string, kind: "json" | "part"): string {
    return `${this.folder.root}/uploads/${id}.${kind}`;
  }
}

/** By age; what cannot be read is for the doctor. */
function readAll(folder: string): Stored[] {
  return entriesIn(folder).flatMap(({ name }) => {
    if (!/^upload_[0-9a-z]{26}\.json$/.test(name)) return [];
    try {
      const stored = storedSchema.parse(JSON.parse(Deno.readTextFileSync(`${folder}/${name}`)));
      return `${stored.id}.json` === name ? [stored] : [];
    } catch {
      return [];
    }
  });
}

interface Receiving {
  upload: Upload;
  hash: Hash | undefined;
  signal: AbortSignal;
  /** Throws when the disk should not take so many bytes more. */
  beforeWrite(bytes: number): void;
}

async function receive(piece: ReadableStream<Uint8Array>, file: Deno.FsFile, receiving: Receiving) {
  const { upload, hash, signal, beforeWrite } = receiving;
  let offset = upload.offset;
  for await (const bytes of piece) {
    if (signal.aborted) throw new LoopscopeError("cancelled", "cancelled", "The upload was cut off");
    requireCapacity(upload, offset + bytes.length);
    beforeWrite(bytes.length);
    hash?.update(bytes);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    offset += bytes.length;
  }
  return offset;
}
