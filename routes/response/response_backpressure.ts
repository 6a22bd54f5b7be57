import { isNdArray, type ResultTree } from "../../lib/base/nd_array.ts";
import type { AppContext } from "../context.ts";

/** Smaller responses go to the socket at once and are not counted. */
const SMALL_BYTES = 65_536;

/**
 * Counts the arrays of a large response against the budget of unread responses, until it has been read or the client
 * has gone. Throws `busy` (503) where they do not fit, and the reason of the signal where the request has ended.
 */
export function holdResponse(c: AppContext, value: ResultTree): void {
  holdBytes(c, bytesIn(value));
}

/** The same for so many bytes. */
export function holdBytes(c: AppContext, bytes: number): void {
  if (bytes <= SMALL_BYTES || !c.env?.onResponseEnd) return;
  c.get("signal").throwIfAborted();
  const lease = c.get("unread")(c.get("callerId"));
  lease.take(bytes);
  c.env.onResponseEnd(lease.release);
}

function bytesIn(value: ResultTree): number {
  if (isNdArray(value)) return value.data.byteLength;
  if (typeof value !== "object" || value === null) return 0;
  let bytes = 0;
  for (const part of Object.values(value)) bytes += bytesIn(part);
  return bytes;
}
