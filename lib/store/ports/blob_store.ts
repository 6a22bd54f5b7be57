export interface StoredBlob {
  sha256: string;
  sizeBytes: number;
  /** A local file with the bytes, for a process that may read this one file; valid while the blob is held. */
  path: string;
}

export interface PutOptions {
  maxBytes: number;
  signal?: AbortSignal;
  /** Refused with `checksum_mismatch` when the bytes have another SHA-256. */
  expectedSha256?: string;
}

/** Uploaded bytes by their SHA-256: the same bytes are stored once. */
export interface BlobStore {
  /**
   * Streams to storage and holds the blob for the caller until `release`; durable when it resolves. Throws `too_large`,
   * `checksum_mismatch`, `disk_full` or `cancelled`, and leaves nothing behind then.
   */
  put(stream: ReadableStream<Uint8Array>, options: PutOptions): Promise<StoredBlob>;
  /** The blob, held until `release`; undefined where there is none. */
  get(sha256: string): Promise<StoredBlob | undefined>;
  /** Ends one hold. A blob that is not held and that no record needs is removed, atomically with `put` and `get`. */
  release(sha256: string): Promise<void>;
}
