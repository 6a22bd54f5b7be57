import { unprocessable } from "../base/errors.ts";
import type { Region } from "./cube.ts";

/** What a pixel is for; `label_HW` holds these numbers. */
export const PIXEL_LABEL = { outside: 0, train: 1, guard: 2, test: 3 } as const;

export interface PixelSplit {
  /** Where training pixels may lie, as asked for or by default. */
  region: Region;
  /** Pixel indices (row * cols + col) in ascending order. */
  train: Int32Array;
  test: Int32Array;
  /** Patches here share pixels with training patches, earlier ones included; neither trained on nor scored. */
  guard: Int32Array;
  /** rows x cols of PIXEL_LABEL; `outside` where no whole patch fits. */
  label_HW: Uint8Array;
}

/** Fewer training or test pixels than these are refused: nothing could be learned or told from them. */
export const SMALLEST_TRAIN = 32;
export const SMALLEST_TEST = 4;

/**
 * The left 72 % of the columns, or fewer where a large window's guard band would leave less than 5 % of them for testing.
 */
export function defaultRegion(rows: number, cols: number, window: number): Region {
  const testCols = Math.ceil(0.05 * cols);
  const most = cols - 1.5 * window + 2 - testCols;
  return { row: 0, col: 0, rows, cols: Math.max(1, Math.min(Math.floor(0.72 * cols), most)) };
}

/**
 * Training pixels are those of the region whose patch of `window` fits the map; test pixels are at least `window` rows or
 * columns away from every training pixel, so that no test patch shares a pixel with a training patch; what lies between
 * is guard. So is what lies as near to the pixels of `seen`, where the model to go on from has been trained. The patch of
 * (i, j) covers rows i - window/2 to i + window/2 - 1 and the same columns.
 * Throws `window_odd`, `window_too_large`, `region_outside`, `too_few_train_pixels` and `too_few_test_pixels`.
 */
export function splitPixels(
  shape: readonly [number, number, ...number[]],
  window: number,
  region: Region = defaultRegion(shape[0], shape[1], window),
  seen: readonly Region[] = [],
): PixelSplit {
  const [rows, cols] = shape;
  checkWindow(rows, cols, window);
  checkRegion(rows, cols, region);
  const label_HW = labelPixels([rows, cols], window, {
    toTrain: distanceFrom(region, rows, cols, window),
    toSeen: seen.map((earlier) => distanceFrom(earlier, rows, cols, window)),
  });
  const split = {
    region,
    train: indicesOf(label_HW, PIXEL_LABEL.train),
    test: indicesOf(label_HW, PIXEL_LABEL.test),
    guard: indicesOf(label_HW, PIXEL_LABEL.guard),
    label_HW,
  };
  checkCounts(split, seen, [rows, cols], window);
  return split;
}

/** Rows or columns that lie between a pixel and others: 0 or less for one of them. */
export type Distance = (row: number, col: number) => number;

/** PIXEL_LABEL of each pixel, rows x cols, by its distances from what is trained on and from what was trained on before. */
export function labelPixels(
  [rows, cols]: readonly [number, number, ...number[]],
  window: number,
  { toTrain, toSeen }: { toTrain: Distance; toSeen: readonly Distance[] },
): Uint8Array {
  const half = window / 2, label_HW = new Uint8Array(rows * cols);
  for (let row = half; row <= rows - half; row++) {
    for (let col = half; col <= cols - half; col++) {
      const distance = toTrain(row, col);
      const isNear = distance < window || toSeen.some((distance) => distance(row, col) < window);
      label_HW[row * cols + col] = distance <= 0 ? PIXEL_LABEL.train : isNear ? PIXEL_LABEL.guard : PIXEL_LABEL.test;
    }
  }
  return label_HW;
}

/** From the pixels of a region whose patch fits the map; Infinity where there are none. */
export function distanceFrom(region: Region, rows: number, cols: number, window: number): Distance {
  const half = window / 2;
  const [top, left] = [Math.max(region.row, half), Math.max(region.col, half)];
  const bottom = Math.min(region.row + region.rows - 1, rows - half);
  const right = Math.min(region.col + region.cols - 1, cols - half);
  if (top > bottom || left > right) return () => Infinity;
  return (row, col) => Math.max(top - row, row - bottom, left - col, col - right);
}

function indicesOf(label_HW: Uint8Array, label: number): Int32Array {
  const count = label_HW.reduce((sum, met) => sum + (met === label ? 1 : 0), 0);
  const indices = new Int32Array(count);
  for (let i = 0, at = 0; i < label_HW.length; i++) if (label_HW[i] === label) indices[at++] = i;
  return indices;
}

function checkWindow(rows: number, cols: number, window: number): void {
  if (!Number.isInteger(window) || window < 2 || window % 2 !== 0) {
    throw unprocessable("window_odd", `Window is ${window}, an even number of at least 2 is expected`);
  }
  if (window > Math.min(rows, cols)) {
    throw unprocessable("window_too_large", `Window is ${window}, the map is only ${rows} x ${cols} pixels`);
  }
}

function checkRegion(rows: number, cols: number, region: Region): void {
  const { row, col } = region;
  const whole = [row, col, region.rows, region.cols].every(Number.isInteger);
  const inside = row >= 0 && col >= 0 && region.rows >= 1 && region.cols >= 1 && row + region.rows <= rows &&
    col + region.cols <= cols;
  if (whole && inside) return;
  const met = `rows ${row} to ${row + region.rows - 1} and columns ${col} to ${col + region.cols - 1}`;
  throw unprocessable("region_outside", `Region covers ${met}, the map has ${rows} rows and ${cols} columns`);
}

function checkCounts(split: PixelSplit, seen: readonly Region[], [rows, cols]: number[], window: number): void {
  const where = `the ${rows} x ${cols} map with window ${window} and the region of ${split.region.rows} rows and ` +
    `${split.region.cols} columns`;
  if (split.train.length < SMALLEST_TRAIN) {
    throw unprocessable(
      "too_few_train_pixels",
      `Only ${split.train.length} training pixels in ${where}, at least ${SMALLEST_TRAIN} are expected`,
    );
  }
  if (split.test.length < SMALLEST_TEST) {
    throw unprocessable(
      "too_few_test_pixels",
      `Only ${split.test.length} test pixels outside the guard band of ${window - 1} pixels` +
        `${
          seen.length > 0 ? ", and as far from where the model to go on from was trained," : ""
        } in ${where}, at least ` +
        `${SMALLEST_TEST} are expected`,
    );
  }
}
