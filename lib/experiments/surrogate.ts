import { choleskyInPlace, choleskySolve } from "../analysis/cholesky.ts";
import { createRandom } from "../base/random.ts";
import { type PixelFeatures, squaredDistance, squaredPatchDistance } from "./pixel_features.ts";

/** exp(-patch x squared patch distance - position x squared distance of places), and the noise beside a prior variance of 1. */
export interface KernelConstants {
  patch: number;
  position: number;
  noise: number;
}

/** Spectra (or any values) of all pixels as a Gaussian process on patch and place, from those that were measured. */
export interface Surrogate {
  constants: KernelConstants;
  /** N x outputs. */
  mean(pixels: ArrayLike<number>): Float64Array;
  /** Standard deviation of a value, as a factor of `scale`; N. */
  deviation(pixels: ArrayLike<number>): Float64Array;
  /** Root mean square of the measured values around their mean. */
  scale: number;
  correlation(a: number, b: number): number;
}

export interface Measured {
  /** In the order of measurement. */
  pixels: Int32Array;
  /** N x outputs, finite. */
  values_NO: Float64Array;
}

const PATCH = [0.3, 1, 3], POSITION = [0, 10, 60], NOISE = [0.03, 0.3];
const FOLDS = 4, MOST_CHOOSING = 400, MOST_LANDMARKS = 200, CHOOSING_LANDMARKS = 80;

/**
 * Fits the process with at most 200 landmarks (Nyström's method), so that time grows linearly with what was measured. The
 * constants are those that predict a quarter of the points best from the rest.
 */
export function fitSurrogate(features: PixelFeatures, measured: Measured, seed: number): Surrogate {
  const constants = chooseConstants(features, thinned(measured, MOST_CHOOSING), seed);
  return fitWith(features, measured, constants, MOST_LANDMARKS, seed);
}

function chooseConstants(features: PixelFeatures, measured: Measured, seed: number): KernelConstants {
  const { pixels } = measured;
  let best = { patch: 1, position: 10, noise: 0.3 };
  if (pixels.length < 2 * FOLDS) return best;
  let least = Infinity;
  for (const patch of PATCH) {
    for (const position of POSITION) {
      for (const noise of NOISE) {
        const constants = { patch, position, noise };
        let loss = 0;
        for (let fold = 0; fold < FOLDS; fold++) {
          const isHeld = (n: number) => n % FOLDS === fold;
          const held = taken(measured, isHeld);
          const model = fitWith(features, taken(measured, (n) => !isHeld(n)), constants, CHOOSING_LANDMARKS, seed);
          const mean = model.mean(held.pixels);
          for (let i = 0; i < mean.length; i++) loss += (mean[i] - held.values_NO[i]) ** 2;
        }
        if (loss < least) [least, best] = [loss, constants];
      }
    }
  }
  return best;
}

function fitWith(
  features: PixelFeatures,
  { pixels, values_NO }: Measured,
  constants: KernelConstants,
  most: number,
  seed: number,
): Surrogate {
  const { patch: a, position: b, noise } = constants;
  const correlation = (p: number, q: number) =>
    Math.exp(-a * squaredPatchDistance(features, p, q) - b * squaredDistance(features, p, q));
  const count = pixels.length, outputs = values_NO.length / count;
  const mean_O = new Float64Array(outputs);
  values_NO.forEach((value, at) => mean_O[at % outputs] += value / count);
  const landmarks = createRandom(seed).shuffle(pixels.slice()).subarray(0, most);
  const R = landmarks.length;
  const factor = new Float64Array(R * R);
  for (let i = 0; i < R; i++) {
    for (let j = 0; j <= i; j++) factor[i * R + j] = correlation(landmarks[i], landmarks[j]) + (i === j ? 1e-6 : 0);
  }
  if (!choleskyInPlace(factor, R)) throw new Error("The landmarks' kernel matrix is not positive definite");
  /** L^-1 k(landmarks, pixel): features in which the process is a linear regression. */
  const phi = (pixel: number, into: Float64Array) => {
    for (let i = 0; i < R; i++) {
      let sum = correlation(landmarks[i], pixel);
      for (let k = 0; k < i; k++) sum -= factor[i * R + k] * into[k];
      into[i] = sum / factor[i * R + i];
    }
    return into;
  };
  const inner = new Float64Array(R * R), weights_RO = new Float64Array(R * outputs);
  const row = new Float64Array(R);
  let squares = 0;
  for (let n = 0; n < count; n++) {
    phi(pixels[n], row);
    for (let i = 0; i < R; i++) {
      for (let j = 0; j <= i; j++) inner[i * R + j] += row[i] * row[j];
      for (let o = 0; o < outputs; o++) {
        weights_RO[i * outputs + o] += row[i] * (values_NO[n * outputs + o] - mean_O[o]);
      }
    }
    for (let o = 0; o < outputs; o++) squares += (values_NO[n * outputs + o] - mean_O[o]) ** 2;
  }
  for (let i = 0; i < R; i++) inner[i * R + i] += noise;
  if (!choleskyInPlace(inner, R)) throw new Error("The regression's matrix is not positive definite");
  const column = new Float64Array(R);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < R; i++) column[i] = weights_RO[i * outputs + o];
    choleskySolve(inner, column, R);
    for (let i = 0; i < R; i++) weights_RO[i * outputs + o] = column[i];
  }
  return {
    constants,
    correlation,
    scale: Math.sqrt(squares / (count * outputs)),
    mean(asked) {
      const mean_NO = new Float64Array(asked.length * outputs);
      for (let n = 0; n < asked.length; n++) {
        phi(asked[n], row);
        for (let o = 0; o < outputs; o++) {
          let sum = mean_O[o];
          for (let i = 0; i < R; i++) sum += row[i] * weights_RO[i * outputs + o];
          mean_NO[n * outputs + o] = sum;
        }
      }
      return mean_NO;
    },
    deviation(asked) {
      const solved = new Float64Array(R);
      return Float64Array.from(asked, (pixel) => {
        phi(pixel, row);
        solved.set(row);
        choleskySolve(inner, solved, R);
        let [prior, explained] = [1, 0];
        for (let i = 0; i < R; i++) prior -= row[i] * row[i], explained += row[i] * solved[i];
        return Math.sqrt(Math.max(0, prior) + noise * explained + noise);
      });
    },
  };
}

function thinned(measured: Measured, most: number): Measured {
  const count = measured.pixels.length;
  if (count <= most) return measured;
  const kept = new Set(Array.from({ length: most }, (_, i) => Math.floor(i * count / most)));
  return taken(measured, (n) => kept.has(n));
}

function taken({ pixels, values_NO }: Measured, isTaken: (n: number) => boolean): Measured {
  const outputs = values_NO.length / pixels.length;
  const kept = Array.from(pixels.keys()).filter(isTaken);
  const values = new Float64Array(kept.length * outputs);
  kept.forEach((n, i) => values.set(values_NO.subarray(n * outputs, (n + 1) * outputs), i * outputs));
  return { pixels: Int32Array.from(kept, (n) => pixels[n]), values_NO: values };
}
