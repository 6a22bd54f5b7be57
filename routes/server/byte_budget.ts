import { LoopscopeError } from "../../lib/base/errors.ts";
import { Counter } from "../../lib/base/counter.ts";

/** The share of a budget that one request holds. */
export interface ByteLease {
  /**
   * Throws `busy` (503) where the bytes do not fit now, and `cancelled` after `release`, since nothing would free
   * them then.
   */
  take(bytes: number): void;
  release(): void;
}

/** Gives a request its lease. */
export type ByteBudget = (caller?: string) => ByteLease;

export interface ByteBudgetLimits {
  /** For all requests together. */
  maxBytes: number;
  /** For one caller. A single `take` never counts for more, so that no size is refused for ever. Default: no limit. */
  maxBytesPerCaller?: number;
  /** What is counted, for error details. */
  what: string;
}

/** Bounds the bytes that requests hold in memory at one time, by handing out leases. */
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
