import { displayName } from "../display_name.ts";
import type { StoredImage } from "../cube_source.ts";
import { smallNumbers } from "./hdf5_array.ts";
import { attributeText } from "./hdf5_attributes.ts";
import type { Hdf5Context } from "./hdf5_dialect.ts";
import type { Hdf5Dataset } from "./hdf5_file.ts";
import { toRowMajor } from "../numpy/npy.ts";

/** Every image of a file: datasets of numbers with two axes longer than 1. */
export function hdf5Images({ file, tree }: Hdf5Context): StoredImage[] {
  return tree.datasets.filter(isImage).map((dataset) => {
    const stored = dataset.shape.filter((length) => length !== 1);
    const reversed = attributeText(file, dataset.path, "MATLAB_class") !== undefined;
    const [rows, cols] = reversed ? [...stored].reverse() : stored;
    return {
      dataset: displayName(dataset.path),
      rows,
      cols,
      quantity: displayName(attributeText(file, dataset.path, "quantity") ?? ""),
      unit: displayName(attributeText(file, dataset.path, "units") ?? ""),
      read() {
        const values = smallNumbers(file, dataset) ?? new Float32Array(rows * cols).fill(NaN);
        return reversed ? toRowMajor(values, [rows, cols]) : values;
      },
    };
  });
}

function isImage({ shape, element, isVirtual }: Hdf5Dataset): boolean {
  const lengths = shape.filter((length) => length !== 1);
  const numeric = element.scalar !== undefined && element.scalar.kind !== "complex";
  return numeric && !isVirtual && lengths.length === 2 && !lengths.includes(0);
}
