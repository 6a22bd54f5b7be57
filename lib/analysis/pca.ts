import { unprocessable } from "../base/errors.ts";
import { type Moments, momentsOf } from "./covariance.ts";
import type { SpectraSource } from "./spectra_source.ts";
import { dominantEigen, type EigenPairs, symmetricEigen } from "./symmetric_eigen.ts";

export interface Pca {
  /** Spectra without NaN that entered. */
  count: number;
  mean_S: Float64Array;
  /** K x S, unit rows; the entry of largest magnitude of each is positive. */
  components_KS: Float64Array;
  /** Variance along each component (count - 1), in the squared unit of the spectra. */
  explainedVariance_K: Float64Array;
  explainedVarianceRatio_K: Float64Array;
  /** Sum of the variances of all spectral steps. */
  totalVariance: number;
  /** Variance of each spectral step before any component is taken away. */
  variance_S: Float64Array;
}

/** Up to here the decomposition is complete; up to the next, the covariance is kept; beyond, every product is a pass. */
const FULL_POINTS = 256, COVARIANCE_POINTS = 2048;

/**
 * Principal components of centred, unscaled spectra, from blocks, so that the source need not fit in memory. Throws
 * `too_few_spectra` for more components than spectra or points, `constant_data` where nothing varies.
 */
export function pca(source: SpectraSource, { components }: { components: number }): Pca {
  const { points } = source;
  const moments = momentsOf(source, points <= COVARIANCE_POINTS ? "covariance" : "variance");
  const { count, mean_S, variance_S } = moments;
  const limit = Math.min(points, count);
  if (components > limit || components < 1) {
    throw unprocessable(
      "too_few_spectra",
      `Components must be 1 to ${limit} for ${count} spectra of ${points} points without NaN; received ${components}`,
    );
  }
  const totalVariance = variance_S.reduce((a, b) => a + b, 0);
  const largest = mean_S.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  if (!(totalVariance > 1e-28 * points * largest * largest)) {
    throw unprocessable("constant_data", `Principal components need spectra that vary; received ${count} equal ones`);
  }
  const { values, vectors_KS } = eigenOf(source, moments, components);
  orient(vectors_KS, points);
  const explainedVariance_K = values.map((value) => Math.max(0, value));
  const explainedVarianceRatio_K = explainedVariance_K.map((value) => value / totalVariance);
  return {
    count,
    mean_S,
    components_KS: vectors_KS,
    explainedVariance_K,
    explainedVarianceRatio_K,
    totalVariance,
    variance_S,
  };
}

/** Scores N x K of spectra N x S; NaN for a spectrum with a NaN. */
export function pcaScores(spectra_NS: ArrayLike<number>, { mean_S, components_KS }: Pca): Float64Array {
  const points = mean_S.length, k = components_KS.length / points, count = spectra_NS.length / points;
  const scores_NK = new Float64Array(count * k);
  const centred = new Float64Array(points);
  for (let n = 0; n < count; n++) {
    for (let s = 0; s < points; s++) centred[s] = spectra_NS[n * points + s] - mean_S[s];
    for (let c = 0; c < k; c++) {
      let sum = 0;
      for (let s = 0, at = c * points; s < points; s++) sum += centred[s] * components_KS[at++];
      scores_NK[n * k + c] = sum;
    }
  }
  return scores_NK;
}

function eigenOf(source: SpectraSource, moments: Moments, components: number): EigenPairs {
  const { points } = source;
  const { covariance_SS } = moments;
  if (!covariance_SS) return dominantEigen((v, rows) => applyByPass(source, moments, v, rows), points, components);
  if (points <= FULL_POINTS) return symmetricEigen(covariance_SS, points, components);
  return dominantEigen((v, rows) => applyMatrix(covariance_SS, v, rows, points), points, components);
}

/** rows x S times the covariance, without ever having it: the sum over spectra of score times centred spectrum. */
function applyByPass(
  source: SpectraSource,
  { mean_S, count }: Moments,
  vectors_KS: Float64Array,
  rows: number,
): Float64Array {
  const { points } = source;
  const result = new Float64Array(rows * points), centred = new Float64Array(points);
  for (const block of source.blocks()) {
    for (let at = 0; at < block.length; at += points) {
      let finite = true;
      for (let s = 0; s < points; s++) {
        centred[s] = block[at + s] - mean_S[s];
        finite &&= Number.isFinite(centred[s]);
      }
      if (finite) addOuter(result, vectors_KS, centred, rows);
    }
  }
  const degrees = Math.max(1, count - 1);
  return result.map((value) => value / degrees);
}

function addOuter(result: Float64Array, vectors_KS: Float64Array, centred: Float64Array, rows: number): void {
  const points = centred.length;
  for (let k = 0; k < rows; k++) {
    let score = 0;
    for (let s = 0, at = k * points; s < points; s++) score += centred[s] * vectors_KS[at++];
    for (let s = 0, at = k * points; s < points; s++) result[at++] += score * centred[s];
  }
}

function applyMatrix(matrix_SS: Float64Array, vectors_KS: Float64Array, rows: number, points: number): Float64Array {
  const result = new Float64Array(rows * points);
  for (let i = 0; i < points; i++) {
    const row = matrix_SS.subarray(i * points, (i + 1) * points);
    for (let k = 0; k < rows; k++) {
      let sum = 0;
      for (let j = 0, at = k * points; j < points; j++) sum += row[j] * vectors_KS[at++];
      result[k * points + i] = sum;
    }
  }
  return result;
}

/** A component and its negative explain the same: the entry of largest magnitude is made positive. */
function orient(vectors_KS: Float64Array, points: number): void {
  for (let from = 0; from < vectors_KS.length; from += points) {
    const row = vectors_KS.subarray(from, from + points);
    const largest = row.reduce((best, value) => Math.abs(value) > Math.abs(best) ? value : best, 0);
    if (largest < 0) { for (let s = 0; s < points; s++) row[s] = -row[s]; }
  }
}
