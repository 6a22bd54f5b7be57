import type { CubeReader } from "./cube.ts";
import { failedPixels } from "./failed_pixels.ts";

/** 1 for each pixel that was measured, 0 where more than half of the spectrum is a replacement; rows x cols. */
export function measuredPixels(cube: CubeReader): Uint8Array {
  const [rows, cols, points] = cube.shape;
  const measured_HW = new Uint8Array(rows * cols).fill(1);
  const repaired_W = new Int32Array(cols);
  for (let row = 0; row < rows; row++) {
    const mask = cube.readMask({ row, col: 0, rows: 1, cols });
    repaired_W.fill(0);
    for (let i = 0; i < mask.length; i++) if (mask[i]) repaired_W[Math.floor(i / points)]++;
    for (const col of failedPixels(repaired_W, points)) measured_HW[row * cols + col] = 0;
  }
  return measured_HW;
}
