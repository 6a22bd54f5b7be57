/**
 * Indices of the `count` points of points_NL nearest to `centre` (Euclidean), nearest first; equal distances by index.
 * Points with a NaN are never taken, so that fewer may come back.
 */
export function nearestPoints(points_NL: ArrayLike<number>, centre_L: ArrayLike<number>, count: number): Int32Array {
  const size = centre_L.length, total = points_NL.length / size;
  const best: { n: number; distance: number }[] = [];
  for (let n = 0; n < total; n++) {
    let distance = 0;
    for (let l = 0; l < size; l++) distance += (points_NL[n * size + l] - centre_L[l]) ** 2;
    if (!(distance < (best.length < count ? Infinity : best[count - 1].distance))) continue;
    let at = best.length < count ? best.length : count - 1;
    for (; at > 0 && best[at - 1].distance > distance; at--) best[at] = best[at - 1];
    best[at] = { n, distance };
  }
  return Int32Array.from(best, ({ n }) => n);
}

/** Mean of the rows of values_NS at these indices; NaN where there is no index. */
export function meanOfRows(values_NS: ArrayLike<number>, size: number, rows: ArrayLike<number>): Float64Array {
  const mean_S = new Float64Array(size);
  for (let i = 0; i < rows.length; i++) {
    for (let s = 0; s < size; s++) mean_S[s] += values_NS[rows[i] * size + s];
  }
  return mean_S.map((sum) => sum / rows.length);
}
