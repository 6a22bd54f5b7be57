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
  const worth = new Map(left.map((pixel) => [pixel, score_HW[pixel] - lowest]));
  const chosen: Suggestion[] = [];
  while (chosen.length < count && worth.size > 0) {
    const [pixel, value] = highest(worth);
    worth.delete(pixel);
    const row = Math.floor(pixel / cols), col = pixel % cols;
    chosen.push({ row, col, score: value + lowest });
    for (const [other, old] of worth) {
      const squared = (Math.floor(other / cols) - row) ** 2 + (other % cols - col) ** 2;
      worth.set(other, old * (1 - Math.exp(-squared / (2 * reach * reach))));
    }
  }
  return chosen;
}

/**
 * The pixels furthest from all that is measured or already chosen, in sample space: greedy farthest-point design. The
 * score is that distance in pixels; without any measured pixel the first is the middle of the map.
 */
export function suggestByDiversity(options: SuggestOptions): Suggestion[] {
  const { count, rows, cols, measured } = options;
  const left = new Set(candidates(new Float64Array(rows * cols), options));
  const distance = new Float64Array(rows * cols).fill(Infinity);
  const come = (pixel: number) => {
    const row = Math.floor(pixel / cols), col = pixel % cols;
    for (const other of left) {
      distance[other] = Math.min(distance[other], Math.hypot(Math.floor(other / cols) - row, other % cols - col));
    }
  };
  const edge = edgeOf(rows, cols, measured);
  edge.forEach(come);
  const chosen: Suggestion[] = [];
  while (chosen.length < count && left.size > 0) {
    const first = chosen.length === 0 && edge.length === 0;
    const pixel = first ? nearestTo(left, rows, cols) : [...left].reduce((a, b) => distance[b] > distance[a] ? b : a);
    left.delete(pixel);
    chosen.push({ row: Math.floor(pixel / cols), col: pixel % cols, score: first ? 0 : distance[pixel] });
    come(pixel);
  }
  return chosen;
}

function candidates(score_HW: ArrayLike<number>, { rows, cols, measured, forbidden }: SuggestOptions): number[] {
  const left: number[] = [];
  for (let pixel = 0; pixel < rows * cols; pixel++) {
    if (Number.isFinite(score_HW[pixel]) && !measured(pixel) && !forbidden?.(pixel)) left.push(pixel);
  }
  if (left.length > 0) return left;
  throw unprocessable("too_few_points", `Suggestions need pixels that are not measured, met 0 of ${rows * cols}`);
}

function highest(worth: Map<number, number>): [pixel: number, value: number] {
  let best: [number, number] = [-1, -Infinity];
  for (const [pixel, value] of worth) if (value > best[1]) best = [pixel, value];
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

function nearestTo(left: Set<number>, rows: number, cols: number): number {
  const size = (pixel: number) => Math.hypot(Math.floor(pixel / cols) - (rows - 1) / 2, pixel % cols - (cols - 1) / 2);
  return [...left].reduce((a, b) => size(b) < size(a) ? b : a);
}
