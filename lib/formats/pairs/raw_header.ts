import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import type { DescribedAxis } from "../axes.ts";
import { displayName } from "../display_name.ts";
import type { ScalarType } from "../scalar_type.ts";

/** What a text header says of the raw values beside it. */
export interface RawHeader {
  format: "envi" | "rpl";
  /** As stored, slowest first, with the axes in this order. */
  shape: number[];
  axes: DescribedAxis[];
  type: ScalarType;
  /** Bytes before the values. */
  offset: number;
  quantity: string;
}

/** What a header calls a whole number from 1 up (or from 0, where `least` says so). Throws `header_malformed`. */
export function wholeNumber(fields: ReadonlyMap<string, string>, key: string, least = 1): number {
  const text = fields.get(key);
  const value = text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : NaN;
  if (value >= least) return value;
  throw headerError(`${key} is ${text ?? "not given"}; expected a whole number from ${least} up`);
}

export function headerError(message: string): LoopscopeError {
  return unprocessable("header_malformed", `In the header ${displayName(message)}`);
}
