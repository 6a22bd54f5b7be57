import { type NdArray, ndArray } from "../../base/nd_array.ts";
import type { CubeReader } from "../../cube/cube.ts";

/** A rectangle of pixels of a map. */
export interface Positions {
  row0: number;
  col0: number;
  rows: number;
  cols: number;
}

/** The positions' fields alone, as they are shown. */
export function positionsOf({ row0, col0, rows, cols }: Positions): { [name: string]: number } {
  return { row0, col0, rows, cols };
}

/** Pixel indices (row * cols + col) of the cube, in order of the positions. */
export function pixelsOf(cube: CubeReader, { row0, col0, rows, cols }: Positions): Int32Array {
  return Int32Array.from(
    { length: rows * cols },
    (_, n) => (row0 + Math.floor(n / cols)) * cube.shape[1] + col0 + n % cols,
  );
}

/** One value a position as a float32 map of the whole cube, NaN elsewhere; `stride` and `offset` choose one of several. */
export function toMap(
  cube: CubeReader,
  positions: Positions,
  values: ArrayLike<number>,
  { stride = 1, offset = 0 }: { stride?: number; offset?: number } = {},
): NdArray {
  const [rows, cols] = cube.shape;
  const map_HW = new Float32Array(rows * cols).fill(NaN);
  const pixels = pixelsOf(cube, positions);
  for (let n = 0; n < pixels.length; n++) map_HW[pixels[n]] = values[n * stride + offset];
  return ndArray(map_HW, [rows, cols]);
}

/** Each of the `count` interleaved values as a map: count x rows x cols. */
export function toMaps(cube: CubeReader, positions: Positions, values: ArrayLike<number>, count: number): NdArray {
  const [rows, cols] = cube.shape;
  const maps = new Float32Array(count * rows * cols);
  for (let k = 0; k < count; k++) {
    maps.set(toMap(cube, positions, values, { stride: count, offset: k }).data as Float32Array, k * rows * cols);
  }
  return ndArray(maps, [count, rows, cols]);
}

/** All pixels of the cube. */
export function wholeMap(cube: CubeReader): Positions {
  return { row0: 0, col0: 0, rows: cube.shape[0], cols: cube.shape[1] };
}

/** Rows of the cube's spectra at a time, about 4 MB each, so that no cube has to fit in memory. */
export function* rowBlocks(cube: CubeReader): Generator<{ row: number; rows: number; values_NS: Float32Array }> {
  const [rows, cols, points] = cube.shape;
  const step = Math.max(1, Math.floor(1e6 / (cols * points)));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    yield { row, rows: count, values_NS: cube.readBlock({ row, col: 0, rows: count, cols }) };
  }
}
