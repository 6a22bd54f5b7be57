import { choleskyInPlace, choleskySolve } from "../analysis/cholesky.ts";
import { type PixelFeatures, squaredDistance, squaredPatchDistance } from "./pixel_features.ts";

/** Correlation of two pixels: exp(-patch x squared patch distance - position x squared distance of places). */
export interface Kernel {
  patch: number;
  position: number;
}

/** Added to the landmarks' own correlations, so that equal patches at one place do no harm. */
const JITTER = 1e-6;

/** Of two pixels, 0 to 1. */
export function correlationOf(features: PixelFeatures, { patch, position }: Kernel): (a: number, b: number) => number {
  return (a, b) => Math.exp(-patch * squaredPatchDistance(features, a, b) - position * squaredDistance(features, a, b));
}

/** Lower Cholesky factor of the landmarks' correlations, R x R. */
export function landmarkFactor(landmarks: Int32Array, correlation: (a: number, b: number) => number): Float64Array {
  const R = landmarks.length;
  const factor = new Float64Array(R * R);
  for (let i = 0; i < R; i++) {
    for (let j = 0; j <= i; j++) {
      factor[i * R + j] = correlation(landmarks[i], landmarks[j]) + (i === j ? JITTER : 0);
    }
  }
  if (!choleskyInPlace(factor, R)) throw new Error("The landmarks' kernel matrix is not positive definite");
  return factor;
}

/** L^-1 k in place of k: features in which the process is a linear regression (Nyström's method). */
export function whiten(factor: Float64Array, row: Float64Array): void {
  const R = row.length;
  for (let i = 0; i < R; i++) {
    let sum = row[i];
    for (let k = 0, at = i * R; k < i; k++) sum -= factor[at + k] * row[k];
    row[i] = sum / factor[i * R + i];
  }
}

/** Sums of a linear regression from R features to O outputs. */
export interface RegressionSums {
  /** R x R, lower triangle. */
  inner: Float64Array;
  outer_RO: Float64Array;
}

export function emptySums(R: number, outputs: number): RegressionSums {
  return { inner: new Float64Array(R * R), outer_RO: new Float64Array(R * outputs) };
}

export function addRow({ inner, outer_RO }: RegressionSums, row: Float64Array, values_O: Float64Array): void {
  const R = row.length, outputs = values_O.length;
  for (let i = 0; i < R; i++) {
    const value = row[i];
    for (let j = 0, at = i * R; j <= i; j++) inner[at + j] += value * row[j];
    for (let o = 0, at = i * outputs; o < outputs; o++) outer_RO[at + o] += value * values_O[o];
  }
}

/** Factor of the sums with `noise` on the diagonal, and the weights R x O. */
export function solveSums({ inner, outer_RO }: RegressionSums, noise: number) {
  const R = Math.sqrt(inner.length), outputs = outer_RO.length / R;
  const factor = inner.slice();
  for (let i = 0; i < R; i++) factor[i * R + i] += noise;
  if (!choleskyInPlace(factor, R)) throw new Error("The regression's matrix is not positive definite");
  const weights_RO = new Float64Array(outer_RO.length), column = new Float64Array(R);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < R; i++) column[i] = outer_RO[i * outputs + o];
    choleskySolve(factor, column, R);
    for (let i = 0; i < R; i++) weights_RO[i * outputs + o] = column[i];
  }
  return { factor, weights_RO };
}
