import type { Hdf5Field } from "../hdf5_type.ts";
import type { Hdf5Dataset, Hdf5File } from "../hdf5_file.ts";
import { getterOf } from "../../scalar_type.ts";
import type { UsidLayout } from "./usid_layout.ts";

const READ_BYTES = 2 ** 26;

/**
 * Reads fields of a USID main dataset (positions x steps) for rows `row0` on: one rows x cols x points array for each
 * field, NaN where no position was measured. Positions are read in the order of the file, however they lie on the grid.
 */
export function readUsidRows(
  file: Hdf5File,
  dataset: Hdf5Dataset,
  layout: UsidLayout,
  fields: readonly Pick<Hdf5Field, "type" | "offset">[],
  [row0, rows]: readonly [row0: number, rows: number],
): Float64Array[] {
  const cols = layout.col.values.length;
  const points = layout.columns_S.length;
  const out = fields.map(() => new Float64Array(rows * cols * points).fill(NaN));
  const getters = fields.map(({ type }) => getterOf(type));
  const pixels = Array.from({ length: rows * cols }, (_, i) => i)
    .filter((i) => layout.positions_HW[row0 * cols + i] >= 0);
  const positionOf = (pixel: number) => layout.positions_HW[row0 * cols + pixel];
  pixels.sort((a, b) => positionOf(a) - positionOf(b));
  const firstColumn = layout.columns_S.reduce((a, b) => Math.min(a, b));
  const width = layout.columns_S.reduce((a, b) => Math.max(a, b)) - firstColumn + 1;
  const { bytes } = dataset.element;
  const longest = Math.max(1, Math.floor(READ_BYTES / (width * bytes)));
  for (let start = 0; start < pixels.length;) {
    const first = positionOf(pixels[start]);
    let end = start + 1;
    while (end < pixels.length && isNear(positionOf(pixels[end - 1]), positionOf(pixels[end]), first, longest)) end++;
    const count = positionOf(pixels[end - 1]) - first + 1;
    file.withRaw(dataset, [[first, firstColumn], [count, width]], (view) => {
      for (let i = start; i < end; i++) {
        const at = (positionOf(pixels[i]) - first) * width - firstColumn;
        for (let s = 0; s < points; s++) {
          const element = (at + layout.columns_S[s]) * bytes;
          fields.forEach(({ offset }, f) => out[f][pixels[i] * points + s] = getters[f](view, element + offset));
        }
      }
    });
    start = end;
  }
  return out;
}

/** Positions close together are read at once, small gaps included. */
function isNear(previous: number, next: number, first: number, longest: number): boolean {
  return next - previous <= 16 && next - first < longest;
}
