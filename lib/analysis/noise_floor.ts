import { createRandom, type Random } from "../base/random.ts";
import type { Pca } from "./pca.ts";
import { symmetricEigen } from "./symmetric_eigen.ts";

export interface NoiseFloor {
  /** 95th percentile of the largest variance that noise alone would give, beside each component. */
  floor_K: Float64Array;
  /** How many leading components stand above their floor. */
  components: number;
}

/** Random matrices drawn for each component; the largest but one is then near the 95th percentile. */
const DRAWS = 20;
/** Beyond this many spectral steps the draws would take longer than the decomposition. */
const LARGEST_POINTS = 1024;

/**
 * Parallel analysis (Horn, Psychometrika 30, 179, 1965), in sequence: the k-th variance is compared with the largest
 * variance of uncorrelated Gaussian noise with the variances per spectral step that are left after the first k - 1
 * components. The covariance of such noise is drawn directly by Bartlett's decomposition, whatever the number of
 * spectra. `floor_K` is NaN after the first component below it; and throughout, with no components, beyond 1024 steps.
 */
export function noiseFloor(fit: Pca, { seed }: { seed: number }): NoiseFloor {
  const { explainedVariance_K, components_KS, variance_S, count } = fit;
  const points = variance_S.length;
  const floor_K = new Float64Array(explainedVariance_K.length).fill(NaN);
  if (points > LARGEST_POINTS) return { floor_K, components: 0 };
  const left_S = variance_S.slice();
  let components = 0;
  for (let k = 0; k < floor_K.length; k++) {
    // What is left has only points - k free directions, so that its variances are too small for all of them.
    const share = points / Math.max(1, points - k);
    floor_K[k] = share * noiseVariance(left_S, count, createRandom(seed));
    if (explainedVariance_K[k] <= floor_K[k]) break;
    components++;
    for (let s = 0; s < points; s++) {
      left_S[s] = Math.max(0, left_S[s] - explainedVariance_K[k] * components_KS[k * points + s] ** 2);
    }
  }
  return { floor_K, components };
}

function noiseVariance(variance_S: Float64Array, count: number, random: Random): number {
  const draws = Float64Array.from({ length: DRAWS }, () => largestOfNoise(variance_S, count, random)).sort();
  return draws[DRAWS - 2];
}

/** Largest eigenvalue of the sample covariance of `count` spectra of independent normal values. */
function largestOfNoise(variance_S: Float64Array, count: number, random: Random): number {
  const points = variance_S.length, degrees = Math.max(1, count - 1);
  const width = Math.min(points, degrees);
  // Rows of D A, with A lower triangular: chi on the diagonal, standard normal below it (Bartlett 1933).
  const rows = Array.from(variance_S, (variance, i) => {
    const scale = Math.sqrt(variance / degrees);
    return Float64Array.from(
      { length: Math.min(i + 1, width) },
      (_, j) => scale * (i === j ? chi(degrees - i, random) : random.normal()),
    );
  });
  return largestSingularValue(rows, width) ** 2;
}

/** Square root of a chi-squared variate; above 30 degrees by Wilson and Hilferty's cube root. */
function chi(degrees: number, random: Random): number {
  if (degrees > 30) {
    const spread = 2 / (9 * degrees);
    return Math.sqrt(degrees * Math.max(0, 1 - spread + Math.sqrt(spread) * random.normal()) ** 3);
  }
  let sum = 0;
  for (let i = 0; i < degrees; i++) sum += random.normal() ** 2;
  return Math.sqrt(sum);
}

/**
 * Largest singular value of a lower triangular A given by its rows: Lanczos on A^T A. The largest value converges first
 * and does not mind lost orthogonality; 20 steps are good to a per mille, which the draws are not.
 */
function largestSingularValue(rows: Float64Array[], width: number): number {
  const steps = Math.min(20, width);
  const diagonal: number[] = [], beside: number[] = [];
  let before = new Float64Array(width), x = new Float64Array(width).fill(1 / Math.sqrt(width));
  for (let step = 0; step < steps; step++) {
    const next = applyTwice(rows, x);
    const along = dot(next, x), back = beside[step - 1] ?? 0;
    diagonal.push(along);
    for (let j = 0; j < width; j++) next[j] -= along * x[j] + back * before[j];
    const norm = Math.sqrt(dot(next, next));
    if (norm <= 1e-12 * along) break;
    beside.push(norm);
    [before, x] = [x, next.map((entry) => entry / norm)];
  }
  const size = diagonal.length, tridiagonal = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    tridiagonal[i * size + i] = diagonal[i];
    if (i + 1 < size) tridiagonal[i * size + i + 1] = tridiagonal[(i + 1) * size + i] = beside[i];
  }
  return Math.sqrt(Math.max(0, symmetricEigen(tridiagonal, size, 1).values[0]));
}

/** A^T A x */
function applyTwice(rows: Float64Array[], x: Float64Array): Float64Array<ArrayBuffer> {
  const result = new Float64Array(x.length);
  for (const row of rows) {
    const sum = dot(row, x);
    for (let j = 0; j < row.length; j++) result[j] += sum * row[j];
  }
  return result;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
