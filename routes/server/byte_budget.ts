import { LoopscopeError } from "../../lib/base/errors.ts";
import { Counter } from "../../lib/base/counter.ts";

/** What one request holds of a budget. */
export interface ByteLease {
  /** Throws `busy` (503) where the bytes do not fit now, `cancelled` after the release: they would never be given back. */
  take(bytes: number): void;
  release(): void;
}

/** Gives a request its lease. */
export type ByteBudget = (caller?: string) => ByteLease;

export interface ByteBudgetLimits {
  /** Over all requests. */
  maxBytes: number;
  /** Of one caller; a single take counts for no more than this, so that none is refused for ever. Default: no such limit. */
  maxBytesPerCaller?: number;
  /** What is counted, in words. */
  what: string;
}

/** Bounds the bytes that requests have in memory at one time: hands out leases. */
export function createByteBudget({ maxBytes, maxBytesPerCaller = Infinity, what }: ByteBudgetLimits): ByteBudget {
  let total = 0;
  const byCaller = new Counter();
  return (caller = "") => {
    let mine = 0;
    let released = false;
    const add = (bytes: number) => {
      total += bytes;
      mine += bytes;
      byCaller.add(caller, bytes);
    };
    return {
      take(bytes) {
        if (released) throw new LoopscopeError("cancelled", "cancelled", "The request has ended");
        const counted = Math.min(bytes, maxBytesPerCaller);
        requireCapacity(total + counted, maxBytes, what);
        requireCapacity(byCaller.of(caller) + counted, maxBytesPerCaller, `one caller's ${what}`);
        add(counted);
      },
      release() {
        released = true;
        add(-mine);
      },
    };
  };
}

function requireCapacity(bytes: number, maxBytes: number, what: string): void {
  if (bytes <= maxBytes) return;
  const message = `Received ${bytes} bytes of ${what} at once; expected at most ${maxBytes}`;
  throw new LoopscopeError("unavailable", "busy", message, { retryAfterS: 1 });
}
