import { zipSync } from "fflate";
import type { NdArray } from "../base/nd_array.ts";
import { encodeNpy } from "./npy.ts";

/**
 * Named arrays as an NPZ archive that `numpy.load` opens; entries are stored, not compressed, as `numpy.savez` does.
 * The same arrays always give the same bytes (no time of writing is kept). Names may hold `/` but no `..`.
 */
export function encodeNpz(arrays: Record<string, NdArray>): Uint8Array<ArrayBuffer> {
  const epoch = new Date(1980, 0, 1);
  const entries = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)]);
  return zipSync(Object.fromEntries(entries), { level: 0, mtime: epoch });
}
