import type { ByteSource } from "../../../base/byte_source.ts";
import { bytesSource } from "../../../base/byte_source.ts";
import type { DType, NdArray } from "../../../base/nd_array.ts";

/**
 * Texts are UTF-8 of any length; whole numbers that fit are int32, others and lists float64; booleans are what h5py makes
 * of them. A list is one-dimensional and at most 64 KiB.
 */
export type AttributeValue = string | number | boolean | readonly string[] | readonly number[];

/** A dataset to be written: its values come from the source as they are read, row by row, little-endian. */
export interface DatasetPlan {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ByteSource;
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** One chunk a row of the first axis, as readers of parts (HyperSpy's lazy signals) want; needs HDF5 1.10. */
  readonly chunked?: boolean;
  /** The dimension scale of each axis, which must be in the file too. */
  readonly scales?: readonly (DatasetPlan | undefined)[];
  /** Makes it a dimension scale of this name. */
  readonly scaleName?: string;
}

/** A group to be written. The same object under two names is stored once, with two links. */
export interface GroupPlan {
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly members: Readonly<Record<string, GroupPlan | DatasetPlan>>;
}

export function isGroup(plan: GroupPlan | DatasetPlan): plan is GroupPlan {
  return "members" in plan;
}

export function arrayPlan(array: NdArray, rest: Omit<DatasetPlan, "dtype" | "shape" | "data"> = {}): DatasetPlan {
  const { dtype, shape, data } = array;
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return { dtype, shape, data: bytesSource(bytes), ...rest };
}

/** A name that HDF5 takes for one link. */
export function linkName(name: string): string {
  // deno-lint-ignore no-control-regex
  const plain = name.toWellFormed().replace(/[/\x00-\x1f\x7f]/g, "_").slice(0, 200);
  return plain === "" || plain === "." || plain === ".." ? `_${plain}` : plain;
}
