import type { CubeReader } from "./cube.ts";
import { failedPixels } from "./failed_pixels.ts";

/** Rows read at once: cubes lie on disk in tiles of up to 16 rows, and a tile is read whole. */
const BAND_ROWS = 16;
const BAND_VALUES = 2 ** 25;

/** 1 for each pixel that was measured, 0 where more than half of the spectrum is a replacement; rows x cols. */
export function measuredPixels(cube: CubeReader): Uint8Array {
  const [rows, cols, points] = cube.shape;
  const repaired_HW = new Int32Array(rows * cols);
  const bandRows = Math.max(1, Math.min(BAND_ROWS, Math.floor(BAND_VALUES / (cols * points))));
  for (let row = 0, pixel = 0; row < rows; row += bandRows) {
    const mask = cube.readMask({ row, col: 0, rows: Math.min(bandRows, rows - row), cols });
    for (let at = 0; at < mask.length; at += points, pixel++) {
      for (let s = at; s < at + points; s++) repaired_HW[pixel] += mask[s];
    }
  }
  const measured_HW = new Uint8Array(rows * cols).fill(1);
  for (const pixel of failedPixels(repaired_HW, points)) measured_HW[pixel] = 0;
  return measured_HW;
}
