import type { Upload } from "../../schemas/upload.ts";

export interface AppendOptions {
  signal: AbortSignal;
  /** Of this piece alone, from `Upload-Checksum`; a piece that does not match leaves the upload as it was. */
  checksum?: { algorithm: "sha1" | "sha256"; digest: Uint8Array };
}

/** Uploads that are not complete yet. */
export interface UnfinishedUploads {
  /** Of all callers. */
  count: number;
  /** Bytes that they will have when complete. */
  promisedBytes: number;
  mine: { count: number; bytes: number };
}

/** Uploads in pieces that survive cut connections and restarts. Bytes are durable before they are acknowledged. */
export interface UploadStore {
  /** Atomic with `admit`, which sees the unfinished uploads; what it throws refuses the upload. */
  create(
    upload: Omit<Upload, "id" | "offset">,
    admit?: (unfinished: UnfinishedUploads) => void,
  ): Promise<Upload>;
  /** Throws `upload_missing`, also for one that has expired. */
  get(id: string): Promise<Upload>;
  /**
   * Adds a piece at `offset` and returns the new offset. What arrived before a connection was cut stays, unless the piece
   * has a checksum. Throws `wrong_offset`, `upload_busy` (conflict), `too_large`, `checksum_mismatch`, `disk_full`.
   */
  append(id: string, offset: number, piece: ReadableStream<Uint8Array>, options: AppendOptions): Promise<number>;
  /** The bytes so far. */
  open(id: string): Promise<ReadableStream<Uint8Array>>;
  /** Records the cube that it became; its own bytes are deleted. The oldest finished uploads are forgotten. */
  finish(upload: Upload, cube: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Removes uploads past their time; returns how many. */
  expire(nowMs: number): Promise<number>;
  /** Runs with exclusive use of one upload. Throws `upload_busy` while another request has it. */
  exclusively<T>(id: string, run: (upload: Upload) => Promise<T>): Promise<T>;
}
