import { invertLower } from "../analysis/cholesky.ts";
import { createRandom } from "../base/random.ts";
import { chooseConstants, type KernelConstants } from "./choose_constants.ts";
import { addRow, correlationOf, emptySums, landmarkFactor, solveSums, whiten } from "./nystrom.ts";
import type { Measured } from "./measured.ts";
import type { PixelFeatures } from "./pixel_features.ts";

const MOST_LANDMARKS = 300;

/** Spectra (or any values) of all pixels as a Gaussian process on patch and place, from those that were measured. */
export interface Surrogate {
  constants: KernelConstants;
  /** N x outputs, or N values of one output. */
  mean(pixels: ArrayLike<number>, output?: number): Float64Array;
  /** Standard deviation of a value, as a factor of `scale`, such that 1.645 of them hold 90 % of held values; N. */
  deviation(pixels: ArrayLike<number>): Float64Array;
  /** Root mean square of the measured values around their mean. */
  scale: number;
  correlation(a: number, b: number): number;
}

/**
 * Fits the process with at most 300 landmarks (Nyström's method), so that time and memory grow linearly with what was measured.
 * The constants are those that predict a quarter of the points best from the rest.
 */
export function fitSurrogate(features: PixelFeatures, measured: Measured, seed: number): Surrogate {
  const { pixels, values_NO } = measured;
  const { constants, stretch } = chooseConstants(features, measured, seed);
  const correlation = correlationOf(features, constants);
  const landmarks = createRandom(seed).shuffle(pixels.slice()).subarray(0, MOST_LANDMARKS);
  const factor = landmarkFactor(landmarks, correlation);
  const R = landmarks.length, count = pixels.length, outputs = values_NO.length / count;
  const mean_O = new Float64Array(outputs);
  values_NO.forEach((value, at) => mean_O[at % outputs] += value / count);

  const sums = emptySums(R, outputs);
  const row = new Float64Array(R), centred_O = new Float64Array(outputs);
  let squares = 0;
  const correlations = (pixel: number) => {
    for (let i = 0; i < R; i++) row[i] = correlation(landmarks[i], pixel);
  };
  for (let n = 0; n < count; n++) {
    correlations(pixels[n]);
    whiten(factor, row);
    for (let o = 0; o < outputs; o++) {
      centred_O[o] = values_NO[n * outputs + o] - mean_O[o];
      squares += centred_O[o] ** 2;
    }
    addRow(sums, row, centred_O);
  }
  const { factor: innerFactor, weights_RO } = solveSums(sums, constants.noise);
  const ofCorrelations_RO = backThrough(factor, weights_RO, R);
  const explained = explainedForm(factor, innerFactor, { R, noise: constants.noise });
  return {
    constants,
    correlation,
    scale: Math.sqrt(squares / (count * outputs)),
    mean(asked, output) {
      const [first, wanted] = output === undefined ? [0, outputs] : [output, 1];
      const mean_NO = new Float64Array(asked.length * wanted);
      for (let n = 0; n < asked.length; n++) {
        correlations(asked[n]);
        const at = n * wanted;
        for (let o = 0; o < wanted; o++) mean_NO[at + o] = mean_O[first + o];
        for (let i = 0; i < R; i++) {
          const from = i * outputs + first, weight = row[i];
          for (let o = 0; o < wanted; o++) mean_NO[at + o] += weight * ofCorrelations_RO[from + o];
        }
      }
      return mean_NO;
    },
    deviation(asked) {
      return Float64Array.from(asked, (pixel) => {
        correlations(pixel);
        let variance = 1 + constants.noise;
        for (let i = 0; i < R; i++) {
          let sum = 0;
          for (let j = 0, at = i * R; j <= i; j++) sum += explained[at + j] * row[j];
          variance -= sum * row[i];
        }
        return stretch * Math.sqrt(Math.max(constants.noise, variance));
      });
    },
  };
}

/** L^-T W: weights of the correlations themselves, R x O. */
function backThrough(factor: Float64Array, weights_RO: Float64Array, R: number): Float64Array {
  const outputs = weights_RO.length / R;
  const back_RO = weights_RO.slice();
  for (let i = R - 1; i >= 0; i--) {
    for (let k = i + 1; k < R; k++) {
      const weight = factor[k * R + i];
      for (let o = 0; o < outputs; o++) back_RO[i * outputs + o] -= weight * back_RO[k * outputs + o];
    }
    for (let o = 0; o < outputs; o++) back_RO[i * outputs + o] /= factor[i * R + i];
  }
  return back_RO;
}

/**
 * The quadratic form Q of the variance that the landmarks explain, k' Q k with Q = L^-T (I - noise A^-1) L^-1, as a lower
 * triangle in which what is off the diagonal counts twice.
 */
function explainedForm(factor: Float64Array, innerFactor: Float64Array, { R, noise }: { R: number; noise: number }) {
  const inverse = invertLower(factor, R); // L^-1
  const solved = times(invertLower(innerFactor, R), inverse, R); // M^-1 L^-1, where A = M M'
  const form = new Float64Array(R * R);
  for (let k = 0; k < R; k++) {
    for (let i = 0; i <= k; i++) {
      const a = inverse[k * R + i], b = noise * solved[k * R + i];
      for (let j = 0; j <= i; j++) form[i * R + j] += a * inverse[k * R + j] - b * solved[k * R + j];
    }
  }
  for (let i = 0; i < R; i++) for (let j = 0; j < i; j++) form[i * R + j] *= 2;
  return form;
}

/** Product of two lower triangular matrices. */
function times(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k <= i; k++) {
      const value = a[i * size + k];
      for (let j = 0; j <= k; j++) product[i * size + j] += value * b[k * size + j];
    }
  }
  return product;
}
