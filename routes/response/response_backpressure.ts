import { isNdArray, type ResultTree } from "../../lib/base/nd_array.ts";
import type { AppContext } from "../context.ts";

/** A smaller answer is handed over at once, whether it is read or not. */
const SMALL_BYTES = 65_536;

/**
 * Counts the arrays of a large answer among what waits in memory for its readers, until it has been read or its reader has
 * gone. Throws `busy` (503) where that is too much, and what ended the request where it has ended: the response will not be read.
 */
export function holdResponse(c: AppContext, value: ResultTree): void {
  const bytes = bytesIn(value);
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
