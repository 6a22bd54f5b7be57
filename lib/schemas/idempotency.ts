/** The first response to a request with an `Idempotency-Key`, given again to the same request. */
export interface StoredResponse {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** `new`: the caller owns the key and must finish or abandon it. `running`: another request owns it. */
export type IdempotencyClaim =
  | { state: "new" }
  | { state: "running" }
  | { state: "done"; fingerprint: string; response: StoredResponse };

/**
 * Remembers responses by caller and key. A claim does not outlive the process that made it: after a crash the key is
 * free again. Finished responses are kept for a day and their number is bounded.
 */
export interface IdempotencyPort {
  begin(caller: string, key: string): IdempotencyClaim | Promise<IdempotencyClaim>;
  /** `fingerprint` is the SHA-256 of method, path, query and body. */
  finish(caller: string, key: string, fingerprint: string, response: StoredResponse): void | Promise<void>;
  /** The request failed in a way that may be tried again: the key is free. */
  abandon(caller: string, key: string): void | Promise<void>;
}
