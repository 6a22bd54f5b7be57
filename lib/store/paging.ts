import { malformed } from "../base/errors.ts";

/** One page, newest first. */
export interface Listing<T> {
  items: T[];
  /** Absent on the last page. */
  nextCursor?: string;
}

export interface ListingRequest {
  limit: number;
  cursor?: string;
}

/** The sequence number below which a page begins. Throws `bad_cursor` (malformed). */
export function parseCursor(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  if (!/^[0-9]{1,15}$/.test(cursor)) throw malformed("bad_cursor", "The cursor was not made by this service");
  return Number(cursor);
}

/** A page from rows that were asked for with one more than the limit. */
export function toListing<Row extends { seq: number }, T>(
  rows: Row[],
  limit: number,
  read: (row: Row) => T,
): Listing<T> {
  const items = rows.slice(0, limit).map(read);
  return rows.length > limit ? { items, nextCursor: String(rows[limit - 1].seq) } : { items };
}
