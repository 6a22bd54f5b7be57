import { unprocessable } from "../base/errors.ts";

export interface SuggestOptions {
  /** How many pixels to suggest. */
  count: number;
  /** Size of the map. */
  rows: number;
  cols: number;
  /** Pixels that are measured already: never suggested. */
  measured: (pixel: number) => boolean;
  /** Other pixels that may not be suggested; default: none. */
  forbidden?: (pixel: number) => boolean;
  /** Distance in pixels within which a suggestion makes its neighbours less interesting; default min(rows, cols) / 20. */
  reach?: number;
}

export interface Suggestion {
  row: number;
  col: number;
  /** What the pixel was worth when it was chosen: its score after earlier choices were taken into account. */
  score: number;
}

/**
 * The next points to measure, greedily: the pixel of the highest score is taken, and the scores around it are lowered
 * by 1 - exp(-d^2 / (2 reach^2)), so that a batch does not sit on one spot. Pixels whose score is NaN or that are
 * measured are left out; scores need not be normalised. Throws `too_few_points` where no pixel is left.
 */
export function suggestByScore(score_HW: ArrayLike<number>, options: SuggestOptions): Suggestion[] {
  const { count, rows, cols, reach = Math.max(1, Math.min(rows, cols) / 20) } = options;
  const left = candidates(score_HW, options);
  const lowest = left.reduce((least, pixel) => Math.min(least, score_HW[pixel]), Infinity);
  const worth_HW = new Float64Array(rows * cols).fill(-1);
  for (const pixel of left) worth_HW[pixel] = score_HW[pixel] - lowest;
  const chosen: Suggestion[] = [];
  while (chosen.length < Math.min(count, left.length)) {
    const pixel = highest(left, worth_HW);
    const row = Math.floor(pixel / cols), col = pixel % cols;
    chosen.push({ row, col, score: worth_HW[pixel] + lowest });
    lowerAround({ row, col }, worth_HW, { rows, cols, reach });
    worth_HW[pixel] = -1;
  }
  return chosen;
}

/** Beyond five times the reach nothing changes in the fifth digit. */
function lowerAround(
  { row, col }: { row: number; col: number },
  worth_HW: Float64Array,
  { rows, cols, reach }: { rows: number; cols: number; reach: number },
): void {
  const far = Math.ceil(5 * reach);
  for (let r = Math.max(0, row - far); r <= Math.min(rows - 1, row + far); r++) {
    for (let c = Math.max(0, col - far); c <= Math.min(cols - 1, col + far); c++) {
      const squared = (r - row) ** 2 + (c - col) ** 2;
      if (worth_HW[r * cols + c] > 0) worth_HW[r * cols + c] *= 1 - Math.exp(-squared / (2 * reach * reach));
    }
  }
}

/**
 * The pixels furthest from all that is measured or already chosen, in sample space: greedy farthest-point design. The
 * score is that distance in pixels; without any measured pixel the first is the middle of the map.
 */
export function suggestByDiversity(options: SuggestOptions): Suggestion[] {
  const { count, rows, cols, measured } = options;
  const left = candidates(new Float64Array(rows * cols), options);
  const squared_HW = new Float64Array(rows * cols).fill(Infinity);
  const come = (pixel: number) => {
    const row = Math.floor(pixel / cols), col = pixel % cols;
    for (const other of left) {
      const squared = (Math.floor(other / cols) - row) ** 2 + (other % cols - col) ** 2;
      if (squared < squared_HW[other]) squared_HW[other] = squared;
    }
  };
  const edge = edgeOf(rows, cols, measured);
  edge.forEach(come);
  const chosen: Suggestion[] = [];
  while (chosen.length < Math.min(count, left.length)) {
    const first = chosen.length === 0 && edge.length === 0;
    const pixel = first ? nearestToMiddle(left, rows, cols) : highest(left, squared_HW);
    chosen.push({ row: Math.floor(pixel / cols), col: pixel % cols, score: first ? 0 : Math.sqrt(squared_HW[pixel]) });
    come(pixel);
  }
  return chosen;
}

function candidates(score_HW: ArrayLike<number>, { rows, cols, measured, forbidden }: SuggestOptions): Int32Array {
  const all = Int32Array.from({ length: rows * cols }, (_, pixel) => pixel);
  const left = all.filter((pixel) => Number.isFinite(score_HW[pixel]) && !measured(pixel) && !forbidden?.(pixel));
  if (left.length > 0) return left;
  throw unprocessable("too_few_points", `Suggestions need pixels that are not measured, met 0 of ${rows * cols}`);
}

function highest(pixels: Int32Array, value_HW: Float64Array): number {
  let best = pixels[0];
  for (const pixel of pixels) if (value_HW[pixel] > value_HW[best]) best = pixel;
  return best;
}

/** Measured pixels next to one that is not: the others are never the nearest. */
function edgeOf(rows: number, cols: number, measured: (pixel: number) => boolean): number[] {
  const at = (row: number, col: number) =>
    row < 0 || col < 0 || row >= rows || col >= cols || measured(row * cols + col);
  const edge: number[] = [];
  for (let pixel = 0; pixel < rows * cols; pixel++) {
    const row = Math.floor(pixel / cols), col = pixel % cols;
    const inner = at(row - 1, col) && at(row + 1, col) && at(row, col - 1) && at(row, col + 1);
    if (measured(pixel) && !inner) edge.push(pixel);
  }
  return edge;
}

function nearestToMiddle(pixels: Int32Array, rows: number, cols: number): number {
  const distance = (pixel: number) =>
    Math.hypot(Math.floor(pixel / cols) - (rows - 1) / 2, pixel % cols - (cols - 1) / 2);
  return pixels.reduce((a, b) => distance(b) < distance(a) ? b : a);
}
