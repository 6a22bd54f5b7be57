import type { Clock } from "../../lib/base/clock.ts";
import { LoopscopeError } from "../../lib/base/errors.ts";

export interface RateLimit {
  /** Takes one token from the caller's bucket; throws `rate_limited` (429) with `Retry-After` where it is empty. */
  take(caller: string, perMinute: number): void;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

const MAX_CALLERS = 20_000;

/**
 * Token buckets by caller: half a minute's requests at once, then the steady rate. The least recently seen are
 * dropped. Not `hono-rate-limiter`: it counts in fixed windows, so twice the limit fits around a boundary, and its
 * memory store does not bound the number of callers.
 */
export function createRateLimit(clock: Clock): RateLimit {
  const buckets = new Map<string, Bucket>();
  return {
    take(caller, perMinute) {
      const capacity = Math.max(1, perMinute / 2);
      const nowMs = clock.nowMs();
      const bucket = buckets.get(caller) ?? { tokens: capacity, atMs: nowMs };
      const gained = Math.max(0, nowMs - bucket.atMs) / 60_000 * perMinute;
      const tokens = Math.min(capacity, bucket.tokens + gained);
      buckets.delete(caller); // moves it to the end: the map is in order of use
      buckets.set(caller, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
      if (buckets.size > MAX_CALLERS) buckets.delete(buckets.keys().next().value!);
      if (tokens < 1) throw limited(perMinute, (1 - tokens) / perMinute * 60);
    },
  };
}

function limited(perMinute: number, retryAfterS: number): LoopscopeError {
  const message = `Received more than ${perMinute} requests a minute; expected fewer: try again in ${
    Math.ceil(retryAfterS)
  } s`;
  return new LoopscopeError("tooMany", "rate_limited", message, { retryAfterS });
}
