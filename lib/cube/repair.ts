import { medianInPlace } from "./quick_select.ts";

export interface RepairOptions {
  /** `robust` replaces non-finite values and outliers, `off` only what is not finite. */
  mode?: "robust" | "off";
  /** How many robust standard deviations from the map's median make an outlier. */
  limit?: number;
  /** Pixels known to be unusable whatever their value (a failed fit), as 1; rows x cols. */
  unusable_HW?: Uint8Array;
  /** Values for a map without a single good one, such as the neighbouring step's repaired map; NaN without it. */
  fallback_HW?: Float32Array;
}

export interface RepairedMap {
  values_HW: Float32Array;
  /** 1 where the value was replaced. */
  mask_HW: Uint8Array;
  /** Values that were NaN or infinite. */
  nan: number;
  /** Finite values beyond the limit, or unusable ones. */
  outliers: number;
}

/** Of a normal distribution: standard deviation over median absolute deviation. */
const MAD_TO_SD = 1.4826;
/** Windows grow to 17 x 17; a hole deeper than that gets the map's median. */
const LARGEST_RADIUS = 8;
const ENOUGH_NEIGHBOURS = 3;

/**
 * Replaces what is not finite, and what is further than `limit` (8) robust standard deviations from the map's median, by
 * the median of the good neighbours in the smallest window that holds three. The input is left as it is.
 * Robust means median and median absolute deviation; where more than half of a map is one value, the median of the
 * deviations that are not zero stands in, so that sparse counts and constant maps are left alone.
 */
export function repairMap(
  values_HW: Float32Array,
  rows: number,
  cols: number,
  options: RepairOptions = {},
): RepairedMap {
  if (values_HW.length !== rows * cols) {
    throw new RangeError(`Map has ${values_HW.length} values, ${rows} x ${cols} are expected`);
  }
  const mask_HW = new Uint8Array(values_HW.length);
  const scratch = new Float32Array(values_HW.length);
  const nan = markNonFinite(values_HW, mask_HW);
  let outliers = options.unusable_HW ? markUnusable(options.unusable_HW, mask_HW) : 0;
  const { median, sd } = robustMoments(values_HW, mask_HW, scratch);
  if ((options.mode ?? "robust") === "robust" && sd > 0) {
    outliers += markOutliers(values_HW, mask_HW, median, (options.limit ?? 8) * sd);
  }
  const repaired_HW = values_HW.slice();
  if (nan + outliers > 0) fillHoles(repaired_HW, mask_HW, rows, cols, options.fallback_HW, scratch);
  return { values_HW: repaired_HW, mask_HW, nan, outliers };
}

function markNonFinite(values_HW: Float32Array, mask_HW: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < values_HW.length; i++) {
    // The difference of a finite value to itself is 0, of any other NaN.
    if (values_HW[i] - values_HW[i] !== 0) mask_HW[i] = 1, count++;
  }
  return count;
}

function markUnusable(unusable_HW: Uint8Array, mask_HW: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < mask_HW.length; i++) if (unusable_HW[i] && !mask_HW[i]) mask_HW[i] = 1, count++;
  return count;
}

function robustMoments(values_HW: Float32Array, mask_HW: Uint8Array, scratch: Float32Array) {
  let count = 0;
  for (let i = 0; i < values_HW.length; i++) if (!mask_HW[i]) scratch[count++] = values_HW[i];
  const median = medianInPlace(scratch, count);
  for (let i = 0; i < count; i++) scratch[i] = Math.abs(scratch[i] - median);
  let deviation = medianInPlace(scratch, count);
  if (deviation === 0) {
    let nonZero = 0;
    for (let i = 0; i < count; i++) if (scratch[i] > 0) scratch[nonZero++] = scratch[i];
    deviation = nonZero > 0 ? medianInPlace(scratch, nonZero) : 0;
  }
  return { median, sd: MAD_TO_SD * deviation };
}

function markOutliers(values_HW: Float32Array, mask_HW: Uint8Array, median: number, distance: number): number {
  let count = 0;
  for (let i = 0; i < values_HW.length; i++) {
    if (!mask_HW[i] && Math.abs(values_HW[i] - median) > distance) mask_HW[i] = 1, count++;
  }
  return count;
}

function fillHoles(
  values_HW: Float32Array,
  mask_HW: Uint8Array,
  rows: number,
  cols: number,
  fallback_HW: Float32Array | undefined,
  scratch: Float32Array,
): void {
  let good = 0;
  for (let i = 0; i < mask_HW.length; i++) if (!mask_HW[i]) scratch[good++] = values_HW[i];
  if (good === 0) return void (fallback_HW ? values_HW.set(fallback_HW) : values_HW.fill(NaN));
  const deepHole = medianInPlace(scratch, good);
  const goodCount = countTable(mask_HW, rows, cols);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++, i++) {
      if (!mask_HW[i]) continue;
      values_HW[i] = neighbourMedian(values_HW, mask_HW, rows, cols, row, col, goodCount, scratch) ?? deepHole;
    }
  }
}

/** Median of the good values in the smallest sufficient window, or undefined in a hole deeper than the largest. */
function neighbourMedian(
  values_HW: Float32Array,
  mask_HW: Uint8Array,
  rows: number,
  cols: number,
  row: number,
  col: number,
  goodCount: Int32Array,
  scratch: Float32Array,
): number | undefined {
  for (let radius = 1; radius <= LARGEST_RADIUS; radius++) {
    const [top, bottom] = [Math.max(0, row - radius), Math.min(rows, row + radius + 1)];
    const [left, right] = [Math.max(0, col - radius), Math.min(cols, col + radius + 1)];
    const width = cols + 1;
    const good = goodCount[bottom * width + right] - goodCount[top * width + right] -
      goodCount[bottom * width + left] + goodCount[top * width + left];
    if (good < ENOUGH_NEIGHBOURS && (radius < LARGEST_RADIUS || good === 0)) continue;
    let count = 0;
    for (let r = top; r < bottom; r++) {
      for (let i = r * cols + left; i < r * cols + right; i++) if (!mask_HW[i]) scratch[count++] = values_HW[i];
    }
    return medianInPlace(scratch, count);
  }
  return undefined;
}

/** Summed-area table of good pixels, (rows + 1) x (cols + 1): any window's count in four reads. */
function countTable(mask_HW: Uint8Array, rows: number, cols: number): Int32Array {
  const width = cols + 1;
  const table = new Int32Array((rows + 1) * width);
  for (let row = 0; row < rows; row++) {
    for (let col = 0, inRow = 0; col < cols; col++) {
      inRow += 1 - mask_HW[row * cols + col];
      table[(row + 1) * width + col + 1] = table[row * width + col + 1] + inRow;
    }
  }
  return table;
}
