import { MOST_FEATURES, predictExtraTrees } from "../../analysis/extra_trees.ts";
import { fitKernelRidge, type KernelConstants, predictKernelRidge, squaredDistances } from "./kernel_ridge.ts";
import type { Pause } from "../pause.ts";
import { columnMeans, fitRidge, type LinearModel, mostRidgeSamples, predictLinear } from "./ridge.ts";
import { type SpatialFold, spatialFolds } from "./spatial_folds.ts";
import { thin } from "../thin.ts";
import { takePairs, thinOutputs, thinPairs } from "../take_pairs.ts";
import type { PairSet } from "../training_data.ts";

/** Standardised predictions of the held-out inputs by what any model has to beat; each M x output size. */
export interface BaselinePredictions {
  mean: Float32Array;
  ridge: Float32Array;
  nearest: Float32Array;
  kernelRidge: Float32Array;
  trees: Float32Array;
}

export interface BaselineOptions {
  /** Columns of the map, to know where a pixel lies. */
  cols: number;
  window: number;
  /** Of the trees; default 1. */
  seed?: number;
  pause: Pause;
}

const FOLDS = 4;
const RIDGE_PENALTIES = [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10, 100, 1000];
const KERNEL_PENALTIES = [0.01, 0.03, 0.1, 0.3, 1, 3];
/** Times 1 / (median squared distance). */
const KERNEL_WIDTHS = [0.1, 0.3, 1, 3];
/** The kernel matrix has this many rows at most, so that a fit stays a matter of seconds. */
const MOST_KERNEL_PIXELS = 1500;
const MOST_FOLD_PIXELS = 350;
/** Constants are chosen on at most so many output values, evenly spaced. */
const MOST_FOLD_OUTPUTS = 64;
const MOST_STEPS = 2e9;
/** Training pixels x inputs tried at a node: what a forest of 200 trees goes through at each level, some seconds in all. */
const MOST_TREE_VALUES = 2e5;

/**
 * Fits the baselines to the training part alone and predicts the inputs of `test`. The penalties of both regressions and
 * the kernel's width are chosen by spatial cross-validation inside the training part. Costs are bounded by thinning the
 * training part evenly: at most 1500 pixels for the kernel and as many as 2e9
 * differences allow, 600 for the ridge regression of more than 400 inputs, 2e5 values (pixels x inputs) for the trees.
 */
export async function predictBaselines(
  train: PairSet,
  test: PairSet,
  options: BaselineOptions,
): Promise<BaselinePredictions> {
  return {
    mean: meanBaseline(train, test),
    ridge: await ridgeBaseline(train, test, options),
    nearest: await nearestBaseline(train, test, options),
    kernelRidge: await kernelBaseline(train, test, options),
    trees: await treesBaseline(train, test, options),
  };
}

/** The mean training target for each sample of `test`. */
export function meanBaseline(train: PairSet, test: PairSet): Float32Array {
  const mean = columnMeans(train.target_NO, train.pixels.length);
  return Float32Array.from({ length: test.pixels.length * mean.length }, (_, i) => mean[i % mean.length]);
}

/** Standardised predictions of `test` by a ridge regression on `train`. */
export async function ridgeBaseline(train: PairSet, test: PairSet, options: BaselineOptions) {
  return predictLinear(await chosenRidge(train, options), test.input_NI);
}

/** The ridge regression of the training part with the penalty that spatial folds inside it choose. */
export async function chosenRidge(train: PairSet, { cols, window, pause }: BaselineOptions): Promise<LinearModel> {
  const known = thinPairs(train, mostRidgeSamples(train.input_NI.length / train.pixels.length));
  const chosenOn = thinOutputs(known, MOST_FOLD_OUTPUTS);
  const fit = (pairs: PairSet, penalties: readonly number[]) =>
    fitRidge(pairs.input_NI, pairs.target_NO, pairs.pixels.length, penalties, pause);
  const losses = new Float64Array(RIDGE_PENALTIES.length);
  for (const fold of spatialFolds(known.pixels, cols, window, FOLDS)) {
    const score = takePairs(chosenOn, fold.score);
    const models = await fit(takePairs(chosenOn, fold.fit), RIDGE_PENALTIES);
    models.forEach((model, k) => losses[k] += sumOfSquares(predictLinear(model, score.input_NI), score.target_NO));
  }
  const [model] = await fit(known, [RIDGE_PENALTIES[indexOfLeast(losses)]]);
  return model;
}

/** For each sample of `test` the target of the training sample with the nearest input. */
export async function nearestBaseline(
  train: PairSet,
  test: PairSet,
  { pause }: Pick<BaselineOptions, "pause">,
): Promise<Float32Array> {
  const size = test.input_NI.length / test.pixels.length;
  const most = Math.max(1, Math.floor(MOST_STEPS / test.pixels.length / size));
  const known = thinPairs(train, most);
  const outputSize = train.target_NO.length / train.pixels.length;
  const output_MO = new Float32Array(test.pixels.length * outputSize);
  for (let m = 0; m < test.pixels.length; m++) {
    let [nearest, least] = [0, Infinity];
    for (let n = 0; n < known.pixels.length; n++) {
      let sum = 0;
      for (let i = 0, x = m * size, y = n * size; i < size; i++) sum += (test.input_NI[x++] - known.input_NI[y++]) ** 2;
      if (sum < least) [nearest, least] = [n, sum];
    }
    output_MO.set(known.target_NO.subarray(nearest * outputSize, (nearest + 1) * outputSize), m * outputSize);
    await pause();
  }
  return output_MO;
}

/** Standardised predictions of `test` by extremely randomised trees on `train`. */
export async function treesBaseline(train: PairSet, test: PairSet, { pause, seed = 1 }: BaselineOptions) {
  const tried = Math.min(MOST_FEATURES, train.input_NI.length / train.pixels.length);
  const known = thinPairs(train, Math.floor(MOST_TREE_VALUES / tried));
  const samples = { count: known.pixels.length, input_NI: known.input_NI, target_NO: known.target_NO };
  return await predictExtraTrees(samples, test.input_NI, { seed, pause });
}

/** Standardised predictions of `test` by kernel ridge regression on `train`. */
export async function kernelBaseline(train: PairSet, test: PairSet, options: BaselineOptions): Promise<Float32Array> {
  const { pause } = options;
  const size = train.input_NI.length / train.pixels.length;
  const width = Math.max(size, train.target_NO.length / train.pixels.length);
  const affordable = Math.floor(MOST_STEPS / width / Math.max(test.pixels.length, MOST_KERNEL_PIXELS));
  const known = thinPairs(train, Math.max(2, Math.min(MOST_KERNEL_PIXELS, affordable)));
  const constants = await chooseKernel(known, size, options);
  const distance_NN = await squaredDistances(known.input_NI, known.input_NI, size, pause);
  const model = await fitKernelRidge(known.input_NI, known.target_NO, distance_NN, constants, pause);
  const distance_MN = await squaredDistances(test.input_NI, known.input_NI, size, pause);
  return predictKernelRidge(model, test.input_NI, distance_MN, pause);
}

async function chooseKernel(all: PairSet, size: number, options: BaselineOptions): Promise<KernelConstants> {
  const { cols, window, pause } = options;
  const known = thinOutputs(all, MOST_FOLD_OUTPUTS);
  const folds = spatialFolds(known.pixels, cols, window, FOLDS).map((fold): SpatialFold => ({
    fit: thin(fold.fit, MOST_FOLD_PIXELS),
    score: thin(fold.score, MOST_FOLD_PIXELS),
  }));
  const candidates: (KernelConstants & { loss: number })[] = [];
  let scale: number | undefined;
  for (const fold of folds) {
    const [fit, score] = [takePairs(known, fold.fit), takePairs(known, fold.score)];
    const distance_NN = await squaredDistances(fit.input_NI, fit.input_NI, size, pause);
    const distance_MN = await squaredDistances(score.input_NI, fit.input_NI, size, pause);
    scale ??= medianDistance(distance_NN);
    let k = 0;
    for (const width of KERNEL_WIDTHS) {
      for (const penalty of KERNEL_PENALTIES) {
        const constants = { gamma: width / scale, penalty };
        const model = await fitKernelRidge(fit.input_NI, fit.target_NO, distance_NN, constants, pause);
        const predicted = await predictKernelRidge(model, score.input_NI, distance_MN, pause);
        candidates[k] ??= { ...constants, loss: 0 };
        candidates[k++].loss += sumOfSquares(predicted, score.target_NO);
      }
    }
  }
  if (candidates.length === 0) return { gamma: 1 / size, penalty: 1 };
  return candidates.reduce((best, candidate) => candidate.loss < best.loss ? candidate : best);
}

/** Median of the distances that are not zero; 1 where there are none. */
function medianDistance(distance_NN: Float64Array): number {
  const sorted = distance_NN.filter((d) => d > 0).sort();
  return sorted.length > 0 ? sorted[sorted.length >> 1] : 1;
}

function sumOfSquares(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}

function indexOfLeast(values: Float64Array): number {
  return values.reduce((best, value, k) => value < values[best] ? k : best, 0);
}
