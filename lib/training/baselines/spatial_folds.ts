/** Positions (into the list of pixels) to fit on and to score on. */
export interface SpatialFold {
  fit: Int32Array;
  score: Int32Array;
}

/**
 * Cross-validation inside the training part: stripes along its longer side, each scored by what was fitted to the pixels
 * at least a window away from it, or as far as half of the rest allows where the part is too narrow for that.
 */
export function spatialFolds(pixels: Int32Array, cols: number, window: number, folds: number): SpatialFold[] {
  const rows_N = pixels.map((pixel) => Math.floor(pixel / cols));
  const cols_N = pixels.map((pixel) => pixel % cols);
  const along_N = extent(cols_N) >= extent(rows_N) ? cols_N : rows_N;
  const first = along_N.reduce((least, at) => Math.min(least, at), Infinity);
  const width = extent(along_N) / folds;
  const result: SpatialFold[] = [];
  for (let k = 0; k < folds; k++) {
    const [from, to] = [first + k * width, first + (k + 1) * width];
    const gap = (n: number) => along_N[n] < from ? from - along_N[n] : along_N[n] >= to ? along_N[n] - to + 1 : 0;
    const all = Int32Array.from(pixels.keys());
    const score = all.filter((n) => gap(n) === 0);
    const rest = all.length - score.length;
    let guard = window;
    let fit = all.filter((n) => gap(n) >= guard);
    while (guard > 1 && 2 * fit.length < rest) fit = all.filter((n) => gap(n) >= guard - 1), guard--;
    if (fit.length > 0 && score.length > 0) result.push({ fit, score });
  }
  return result;
}

function extent(values: Int32Array): number {
  return values.reduce((most, v) => Math.max(most, v), -Infinity) -
    values.reduce((least, v) => Math.min(least, v), Infinity) + 1;
}
