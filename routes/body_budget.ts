import { LoopscopeError } from "../lib/base/errors.ts";

/** What one request holds of the budget. */
export interface BodyLease {
  /** Throws `busy` (503) where the bytes do not fit now. */
  take(bytes: number): void;
  release(): void;
}

/** Bounds the bytes of request bodies that are in memory at one time, over all requests: hands out leases. */
export function createBodyBudget(maxBytes: number): () => BodyLease {
  let taken = 0;
  return () => {
    let mine = 0;
    return {
      take(bytes) {
        if (taken + bytes > maxBytes) {
          const message = `Met ${taken + bytes} bytes of request bodies at once, wanted at most ${maxBytes}`;
          throw new LoopscopeError("unavailable", "busy", message, { retryAfterS: 1 });
        }
        taken += bytes;
        mine += bytes;
      },
      release() {
        taken -= mine;
        mine = 0;
      },
    };
  };
}
