export interface CachedResult {
  bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the bytes, hexadecimal. */
  etag: string;
}

/** Derived results: bounded, safe to delete at any time. `scope` is the cube's id, so that they are deleted with it. */
export interface ResultCache {
  get(scope: string, key: string): Promise<CachedResult | undefined>;
  /** Whether the result is there; counts as use. */
  has(scope: string, key: string): Promise<boolean>;
  /** Keeps the bytes where there is room for them, and returns their ETag in any case. */
  put(scope: string, key: string, bytes: Uint8Array): Promise<string>;
  removeScope(scope: string): Promise<void>;
  /**
   * A local file for a result too large to pass around. Where it is not there, `make` has it written: to `draft`, then
   * renamed to `file`, by whichever process does the work.
   */
  localFile(
    scope: string,
    key: string,
    make: (paths: { draft: string; file: string }) => Promise<void>,
  ): Promise<string>;
  /** Of what this process has cached. */
  readonly sizeBytes: number;
}
