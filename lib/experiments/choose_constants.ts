import { choleskySolve } from "../analysis/cholesky.ts";
import { leadingScores } from "../analysis/leading_scores.ts";
import { createRandom } from "../base/random.ts";
import { addRow, correlationOf, emptySums, type Kernel, landmarkFactor, solveSums, whiten } from "./nystrom.ts";
import type { PixelFeatures } from "./pixel_features.ts";
import type { Measured } from "./measured.ts";

/** A kernel, and the noise beside a prior variance of 1. */
export interface KernelConstants extends Kernel {
  noise: number;
}

const PATCH = [0.1, 0.3, 1, 3], POSITION = [0, 3, 10, 30, 100], NOISE = [0.03, 0.1, 0.3, 1];
const DEFAULT: KernelConstants = { patch: 1, position: 10, noise: 0.3 };
const FOLDS = 4, MOST_POINTS = 400, MOST_LANDMARKS = 100, COMPONENTS = 8;

export interface ChosenConstants {
  constants: KernelConstants;
  /** What the process's standard deviations are multiplied by, so that 90 % of held values are in the 90 % band. */
  stretch: number;
}

/**
 * The constants that predict a quarter of the points best from the rest, tried on at most 400 points and on the leading
 * components of their values.
 */
export function chooseConstants(features: PixelFeatures, measured: Measured, seed: number): ChosenConstants {
  if (measured.pixels.length < 2 * FOLDS) return { constants: DEFAULT, stretch: 1 };
  const some = thinned(measured);
  const landmarks = createRandom(seed).shuffle(some.pixels.slice()).subarray(0, MOST_LANDMARKS);
  const tried = compressed(some);
  let constants = DEFAULT, least = Infinity;
  for (const patch of PATCH) {
    for (const position of POSITION) {
      const folds = foldsOf(features, tried, { kernel: { patch, position }, landmarks });
      for (const noise of NOISE) {
        let loss = 0;
        folds.hold(noise, ({ errors_K }) => errors_K.forEach((error) => loss += error * error));
        if (loss < least) [least, constants] = [loss, { patch, position, noise }];
      }
    }
  }
  return {
    constants,
    stretch: stretchOf(foldsOf(features, centred(some), { kernel: constants, landmarks }), constants),
  };
}

/** 90 % of a normal distribution is within so many standard deviations. */
export const NORMAL_90 = 1.645;

function stretchOf(folds: Folds, { noise }: KernelConstants): number {
  const ratios: number[] = [];
  let [squares, count] = [0, 0];
  folds.hold(noise, ({ errors_K, values_K, deviation }) => {
    const own = deviation();
    errors_K.forEach((error) => ratios.push(Math.abs(error) / own));
    values_K.forEach((value) => squares += value * value);
    count += values_K.length;
  });
  const scale = Math.sqrt(squares / count);
  if (!(scale > 0)) return 1;
  return Float64Array.from(ratios).sort()[Math.floor(0.9 * ratios.length)] / scale / NORMAL_90;
}

interface HeldPoint {
  values_K: Float64Array;
  errors_K: Float64Array;
  /** Of a value, beside a prior of 1. */
  deviation(): number;
}

interface Folds {
  /** Every point in turn, predicted from the other three quarters. */
  hold(noise: number, each: (point: HeldPoint) => void): void;
}

interface FoldOptions {
  kernel: Kernel;
  landmarks: Int32Array;
}

function foldsOf(features: PixelFeatures, { pixels, values_NO }: Measured, { kernel, landmarks }: FoldOptions): Folds {
  const R = landmarks.length, count = pixels.length, K = values_NO.length / count;
  const correlation = correlationOf(features, kernel);
  const factor = landmarkFactor(landmarks, correlation);
  const phi_NR = new Float64Array(count * R);
  const parts = Array.from({ length: FOLDS }, () => emptySums(R, K));
  const all = emptySums(R, K);
  for (let n = 0; n < count; n++) {
    const row = phi_NR.subarray(n * R, (n + 1) * R);
    for (let i = 0; i < R; i++) row[i] = correlation(landmarks[i], pixels[n]);
    whiten(factor, row);
    addRow(parts[n % FOLDS], row, values_NO.subarray(n * K, (n + 1) * K));
  }
  for (const part of parts) {
    part.inner.forEach((value, at) => all.inner[at] += value);
    part.outer_RO.forEach((value, at) => all.outer_RO[at] += value);
  }
  return {
    hold(noise, each) {
      const errors_K = new Float64Array(K);
      parts.forEach((held, fold) => {
        const rest = {
          inner: all.inner.map((value, at) => value - held.inner[at]),
          outer_RO: all.outer_RO.map((value, at) => value - held.outer_RO[at]),
        };
        const solved = solveSums(rest, noise);
        for (let n = fold; n < count; n += FOLDS) {
          const row = phi_NR.subarray(n * R, (n + 1) * R), values_K = values_NO.subarray(n * K, (n + 1) * K);
          errors_K.set(values_K);
          for (let i = 0; i < R; i++) {
            for (let k = 0; k < K; k++) errors_K[k] -= row[i] * solved.weights_RO[i * K + k];
          }
          each({ values_K, errors_K, deviation: () => deviationOf(row, solved.factor, noise) });
        }
      });
    },
  };
}

function deviationOf(row: Float64Array, factor: Float64Array, noise: number): number {
  const solved = row.slice();
  choleskySolve(factor, solved, row.length);
  let [unexplained, uncertain] = [1, 0];
  for (let i = 0; i < row.length; i++) {
    unexplained -= row[i] * row[i];
    uncertain += row[i] * solved[i];
  }
  return Math.sqrt(Math.max(0, unexplained) + noise * uncertain + noise);
}

function centred({ pixels, values_NO }: Measured): Measured {
  const outputs = values_NO.length / pixels.length;
  const mean_O = new Float64Array(outputs);
  values_NO.forEach((value, at) => mean_O[at % outputs] += value / pixels.length);
  return { pixels, values_NO: values_NO.map((value, at) => value - mean_O[at % outputs]) };
}

/** The values' leading components, around zero. */
function compressed({ pixels, values_NO }: Measured): Measured {
  const outputs = values_NO.length / pixels.length;
  const components = Math.min(COMPONENTS, outputs);
  return { pixels, values_NO: leadingScores(Float32Array.from(values_NO), outputs, components) };
}

function thinned({ pixels, values_NO }: Measured): Measured {
  const count = pixels.length;
  if (count <= MOST_POINTS) return { pixels, values_NO };
  const outputs = values_NO.length / count;
  const kept = Int32Array.from({ length: MOST_POINTS }, (_, i) => Math.floor(i * count / MOST_POINTS));
  const values = new Float64Array(MOST_POINTS * outputs);
  kept.forEach((n, i) => values.set(values_NO.subarray(n * outputs, (n + 1) * outputs), i * outputs));
  return { pixels: kept.map((n) => pixels[n]), values_NO: values };
}
