import { createHash } from "node:crypto";
import { conflict, LoopscopeError } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import type { Upload } from "../../schemas/upload.ts";
import type { UploadPiece, UploadRecords } from "../ports/records.ts";
import type { AppendOptions, UnfinishedUploads, UploadStore } from "../ports/upload_store.ts";
import { requireCapacity, requireChecksum, requireNoMoreBytes, uploadMissing } from "../upload_checks.ts";
import { getObject, listObjects, PART_BYTES, putObject, removeObject, removeObjects } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";

const PREFIX = "uploads/";
/** Finished uploads that are remembered, for clients that lost the last response. */
const ENDED_KEPT = 1024;

/**
 * Pieces as objects `uploads/ID/NAME`, in the order that their records say: any process goes on where another stopped. A
 * piece is recorded once its object is there. Memory: one part (8 MiB) for each piece on its way.
 */
export class S3UploadStore implements UploadStore {
  constructor(
    private readonly bucket: S3Bucket,
    private readonly records: UploadRecords,
    private readonly endedKept = ENDED_KEPT,
  ) {}

  async create(
    upload: Omit<Upload, "id" | "offset">,
    admit?: (unfinished: UnfinishedUploads) => void,
  ): Promise<Upload> {
    const id = newId<string>("upload", upload.createdMs);
    await this.records.insert({ ...upload, id }, admit);
    return { ...upload, id, offset: 0 };
  }

  async get(id: string): Promise<Upload> {
    const upload = await this.records.get(id);
    if (!upload) throw uploadMissing(id);
    return upload;
  }

  append(id: string, offset: number, piece: ReadableStream<Uint8Array>, options: AppendOptions): Promise<number> {
    return this.exclusively(id, async (upload) => {
      if (offset !== upload.offset) throw wrongOffset(offset, upload.offset);
      if (upload.cube !== undefined) return await requireNoMoreBytes(piece, upload);
      return options.checksum
        ? await this.#appendChecked(upload, piece, { ...options, checksum: options.checksum })
        : await this.#append(upload, piece, options);
    });
  }

  async open(id: string): Promise<ReadableStream<Uint8Array>> {
    const pieces = await this.records.pieces(id);
    let next = 0;
    return new ReadableStream({
      pull: async (controller) => {
        if (next === pieces.length) return controller.close();
        const { name, sizeBytes } = pieces[next++];
        const bytes = await getObject(this.bucket, keyOf(id, name));
        if (bytes?.length === sizeBytes) return controller.enqueue(bytes);
        const message = `A piece of upload ${id} has ${bytes?.length ?? "no"} bytes; expected ${sizeBytes}`;
        throw new LoopscopeError("internal", "upload_damaged", message);
      },
    }, { highWaterMark: 0 });
  }

  async finish({ id }: Upload, cube: string): Promise<void> {
    await this.records.finish(id, cube, this.endedKept);
    await removeObjects(this.bucket, keyOf(id)).catch(() => {}); // a sweep finds them
  }

  async remove(id: string): Promise<void> {
    await this.records.remove(id);
    await removeObjects(this.bucket, keyOf(id)).catch(() => {}); // a sweep finds them
  }

  async expire(nowMs: number): Promise<number> {
    let removed = 0;
    for (const id of await this.records.expired(nowMs)) {
      await using lock = await this.records.lock(id);
      if (!lock) continue;
      await this.remove(id);
      removed++;
    }
    return removed;
  }

  async exclusively<T>(id: string, run: (upload: Upload) => Promise<T>): Promise<T> {
    await using lock = await this.records.lock(id);
    if (!lock) throw conflict("upload_busy", `Another request is working on upload ${id}`);
    return await run(await this.get(id));
  }

  /** Removes pieces that no record knows of; those not older than `olderThanMs` may be on their way. */
  async sweep(olderThanMs: number): Promise<number> {
    const old = (await Array.fromAsync(listObjects(this.bucket, PREFIX)))
      .filter(({ modifiedMs }) => modifiedMs < olderThanMs).map(({ key }) => key);
    const unfinished = await this.records.unfinishedAmong([...new Set(old.map((key) => key.split("/")[1]))]);
    const known = new Set<string>();
    for (const id of unfinished) for (const { name } of await this.records.pieces(id)) known.add(keyOf(id, name));
    const left = old.filter((key) => !known.has(key));
    for (const key of left) await removeObject(this.bucket, key);
    return left.length;
  }

  /** What arrived before the connection was cut stays. */
  async #append(upload: Upload, piece: ReadableStream<Uint8Array>, { signal }: AppendOptions): Promise<number> {
    let { offset } = upload;
    const keep = async (part: Uint8Array<ArrayBuffer>) => {
      const stored = await this.#put(upload.id, part);
      if (!await this.records.append(upload.id, offset, [stored])) {
        await removeObject(this.bucket, keyOf(upload.id, stored.name));
        throw wrongOffset(offset, (await this.get(upload.id)).offset);
      }
      offset += part.length;
    };
    const parts = new Parts(keep);
    try {
      for await (const bytes of piece) {
        if (signal.aborted) throw new LoopscopeError("cancelled", "cancelled", "The upload was cut off");
        requireCapacity(upload, offset + parts.filled + bytes.length);
        await parts.add(bytes);
      }
    } catch (error) {
      if (isCut(error)) await parts.flush();
      throw error;
    }
    await parts.flush();
    return offset;
  }

  /** All or nothing: recorded when the checksum is known to be right. */
  async #appendChecked(
    upload: Upload,
    piece: ReadableStream<Uint8Array>,
    { signal, checksum }: AppendOptions & Required<Pick<AppendOptions, "checksum">>,
  ): Promise<number> {
    const hash = createHash(checksum.algorithm);
    const stored: UploadPiece[] = [];
    let { offset } = upload;
    try {
      const parts = new Parts(async (part) => void stored.push(await this.#put(upload.id, part)));
      for await (const bytes of piece) {
        if (signal.aborted) throw new LoopscopeError("cancelled", "cancelled", "The upload was cut off");
        requireCapacity(upload, offset += bytes.length);
        hash.update(bytes);
        await parts.add(bytes);
      }
      await parts.flush();
      requireChecksum(hash.digest(), checksum.digest);
    } catch (error) {
      for (const { name } of stored) await removeObject(this.bucket, keyOf(upload.id, name)).catch(() => {});
      throw error;
    }
    if (await this.records.append(upload.id, upload.offset, stored)) return offset;
    throw wrongOffset(upload.offset, (await this.get(upload.id)).offset);
  }

  async #put(id: string, bytes: Uint8Array<ArrayBuffer>): Promise<UploadPiece> {
    const name = newId<string>("piece");
    await putObject(this.bucket, keyOf(id, name), bytes);
    return { name, sizeBytes: bytes.length };
  }
}

/** Gathers bytes to parts of 8 MiB. */
class Parts {
  #buffer = new Uint8Array(64 * 1024);
  filled = 0;

  constructor(private readonly keep: (part: Uint8Array<ArrayBuffer>) => Promise<void>) {}

  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const taken = Math.min(bytes.length - at, PART_BYTES - this.filled);
      this.#grow(this.filled + taken);
      this.#buffer.set(bytes.subarray(at, at + taken), this.filled);
      this.filled += taken;
      at += taken;
      if (this.filled === PART_BYTES) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const part = this.#buffer.slice(0, this.filled);
    this.filled = 0;
    if (part.length > 0) await this.keep(part);
  }

  #grow(length: number): void {
    if (length <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.min(PART_BYTES, Math.max(length, 2 * this.#buffer.length)));
    larger.set(this.#buffer.subarray(0, this.filled));
    this.#buffer = larger;
  }
}

/** Whether the connection ended, rather than that something was refused or the storage failed. */
function isCut(error: unknown): boolean {
  return !(error instanceof LoopscopeError) || error.code === "cancelled";
}

function wrongOffset(met: number, expected: number): LoopscopeError {
  return conflict("wrong_offset", `Upload-Offset is ${met}; expected ${expected}`);
}

function keyOf(id: string, name = ""): string {
  return `${PREFIX}${id}/${name}`;
}
