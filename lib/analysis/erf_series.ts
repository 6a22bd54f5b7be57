import { erf, ERF_SLOPE } from "./erf.ts";

/** Nodes at k / NODES_PER_UNIT for k = 0 .. LAST_NODE; beyond the last, erf is 1 to the last digit. */
export const NODES_PER_UNIT = 16, LAST_NODE = 6 * NODES_PER_UNIT;
/** Numbers a node: erf there, then the coefficients of the powers 0..9 of the distance in the slope's series. */
export const SERIES_LENGTH = 11;

/**
 * Taylor series of the slope of erf about each node x: slope(x + d) = sum a_n d^n and erf(x + d) = erf(x) +
 * sum a_n d^(n+1) / (n + 1), with a_0 = 2/sqrt(pi) exp(-x^2) and (n + 1) a_(n+1) = -2 (x a_n + a_(n-1)). Within half a
 * node's distance both are good to 1e-15, at a quarter of the price of erf and exp: for the inner loop of the fits.
 */
export const ERF_SERIES: Float64Array = (() => {
  const series = new Float64Array((LAST_NODE + 1) * SERIES_LENGTH);
  for (let k = 0; k <= LAST_NODE; k++) {
    const x = k / NODES_PER_UNIT, node = series.subarray(k * SERIES_LENGTH, (k + 1) * SERIES_LENGTH);
    node[0] = erf(x);
    node[1] = ERF_SLOPE * Math.exp(-x * x);
    for (let n = 0; n < SERIES_LENGTH - 2; n++) node[n + 2] = -2 * (x * node[n + 1] + (n > 0 ? node[n] : 0)) / (n + 1);
  }
  return series;
})();
