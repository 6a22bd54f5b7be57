import { unprocessable } from "../base/errors.ts";
import type { Region } from "../cube/cube.ts";
import type { PixelSplit } from "../cube/split.ts";

const HELD_SHARE = 0.12;
const SMALLEST_TRAIN_LINES = 4;

/**
 * Cuts a region into a held-out stripe (12 % of its columns, at its left end) and the rest to train on, with a guard band
 * of window - 1 columns between them. Throws `region_too_small_for_ensemble` with the numbers.
 */
export function calibrationRegion(
  split: PixelSplit,
  rows: number,
  cols: number,
  window: number,
): { held: Region; train: Region } {
  const { region } = split;
  const half = window / 2;
  const left = Math.max(region.col, half);
  const right = Math.min(region.col + region.cols - 1, cols - half);
  const lines = right - left + 1;
  const heldLines = Math.max(2, Math.round(HELD_SHARE * lines));
  const trainLines = lines - heldLines - (window - 1);
  if (trainLines < SMALLEST_TRAIN_LINES) {
    throw unprocessable(
      "region_too_small_for_ensemble",
      `An ensemble holds ${heldLines} of the region's ${lines} columns out and a guard band of ${window - 1}; of the ` +
        `${rows} x ${cols} map that leaves ${Math.max(0, trainLines)} columns to train on, at least ` +
        `${SMALLEST_TRAIN_LINES} are expected`,
    );
  }
  return {
    held: { row: region.row, col: left, rows: region.rows, cols: heldLines },
    train: { row: region.row, col: right - trainLines + 1, rows: region.rows, cols: trainLines },
  };
}
