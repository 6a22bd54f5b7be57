import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { displayName } from "../display_name.ts";
import type { Hdf5Dataset, Hdf5File } from "./hdf5_file.ts";
import { packingOf, unpacked } from "./hdf5_packing.ts";
import type { NdSource } from "../nd_cube.ts";
import { withPart } from "../complex_part.ts";
import { decodeRun, type FloatArray, type ReadPart, type ScalarType } from "../scalar_type.ts";

const MAX_SMALL_VALUES = 2 ** 25;

/** The numbers of a dataset (unpacked), or of one field of its records, as an array outside memory. */
export function hdf5Array(file: Hdf5File, dataset: Hdf5Dataset, field?: string, part?: ReadPart): NdSource {
  const { type: storedType, offset: fieldOffset } = numbersOf(dataset, field);
  const type = withPart(storedType, part);
  const { shape, chunk, element } = dataset;
  const stored = (offset: readonly number[], count: readonly number[]): FloatArray =>
    file.withRaw(dataset, [offset, count], (view) => {
      const out = newFloats(type, sizeOf(count));
      decodeRun(view, type, { offset: fieldOffset, stride: element.bytes, count: out.length }, out);
      return out;
    });
  const read = (offset: readonly number[], count: readonly number[]): FloatArray => {
    const packing = field === undefined ? packingOf(file, dataset.path) : undefined;
    return packing ? unpacked(stored(offset, count), packing) : stored(offset, count);
  };
  return { shape, chunk, read };
}

function newFloats(type: ScalarType, length: number): FloatArray {
  return type.kind === "float" && type.bytes < 8 ? new Float32Array(length) : new Float64Array(length);
}

function numbersOf({ path, element }: Hdf5Dataset, field?: string): { type: ScalarType; offset: number } {
  if (field !== undefined) {
    const found = element.fields.find(({ name }) => name === field);
    if (found) return found;
    throw unprocessable(
      "field_missing",
      `${displayName(path)} holds ${element.words}; expected a field ${displayName(field)}`,
    );
  }
  if (element.scalar) return { type: element.scalar, offset: 0 };
  throw unprocessable("not_numeric", `${displayName(path)} holds ${element.words}; expected numbers`);
}

/** All numbers of a small dataset (an axis, a scalar), or undefined where it holds none or more than 33 million. */
export function smallNumbers(file: Hdf5File, dataset: Hdf5Dataset): FloatArray | undefined {
  const { scalar } = dataset.element;
  const count = sizeOf(dataset.shape);
  if (!scalar || scalar.kind === "complex" || count === 0 || count > MAX_SMALL_VALUES) return undefined;
  return hdf5Array(file, dataset).read(dataset.shape.map(() => 0), dataset.shape);
}
