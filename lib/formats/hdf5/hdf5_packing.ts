import { attributeNumber } from "./hdf5_attributes.ts";
import type { Hdf5File } from "./hdf5_file.ts";

/** How numbers are stored: value = stored x scale + offset, and which stored numbers stand for nothing. */
export interface Hdf5Packing {
  scale: number;
  offset: number;
  missing: readonly number[];
}

/**
 * The packing of a netCDF 4 variable (16-bit integers with a scale), or undefined for plain numbers.
 * Source: https://cfconventions.org/cf-conventions/cf-conventions.html#packed-data
 */
export function packingOf(file: Hdf5File, path: string): Hdf5Packing | undefined {
  const [scale, offset, ...missing] = ["scale_factor", "add_offset", "_FillValue", "missing_value"]
    .map((name) => attributeNumber(file, path, name));
  const there = missing.filter((value) => value !== undefined);
  if (scale === undefined && offset === undefined && there.length === 0) return undefined;
  return { scale: scale ?? 1, offset: offset ?? 0, missing: there };
}

/** The numbers that stored ones stand for; NaN where nothing was measured. */
export function unpacked(stored: ArrayLike<number>, { scale, offset, missing }: Hdf5Packing): Float64Array {
  return Float64Array.from(
    { length: stored.length },
    (_, i) => missing.includes(stored[i]) ? NaN : stored[i] * scale + offset,
  );
}
