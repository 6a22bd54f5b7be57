import type { Pause } from "../pause.ts";
import { solveSpd } from "./solve_spd.ts";

/** A linear map with offset, from inputs to outputs. */
export interface LinearModel {
  inputMean: Float64Array;
  outputMean: Float64Array;
  /** input size x output size */
  weights_IO: Float64Array;
}

/** More inputs than these, and the samples' inner products are the smaller matrix. */
const MOST_PRIMAL_INPUTS = 400;
const MOST_DUAL_SAMPLES = 600;
const MOST_PRIMAL_STEPS = 1e9;

/** How many samples a ridge regression takes at most, so that it stays a matter of seconds. */
export function mostRidgeSamples(inputSize: number): number {
  return inputSize > MOST_PRIMAL_INPUTS ? MOST_DUAL_SAMPLES : Math.floor(MOST_PRIMAL_STEPS / inputSize ** 2);
}

/** One linear model for each penalty, given per sample and unit of mean input variance. */
export async function fitRidge(
  input_NI: Float32Array,
  target_NO: Float32Array,
  count: number,
  penalties: readonly number[],
  pause: Pause,
): Promise<LinearModel[]> {
  if (input_NI.length / count > MOST_PRIMAL_INPUTS) {
    return await solveRidgeDual(input_NI, target_NO, count, penalties, pause);
  }
  const moments = await ridgeMoments(input_NI, target_NO, count, pause);
  const models: LinearModel[] = [];
  for (const penalty of penalties) models.push(await solveRidge(moments, penalty, pause));
  return models;
}

/** Centred second moments of inputs, and of inputs with targets: all that ridge regression needs of the data. */
interface RidgeMoments {
  count: number;
  inputMean: Float64Array;
  outputMean: Float64Array;
  inner_II: Float64Array;
  cross_IO: Float64Array;
}

async function ridgeMoments(
  input_NI: Float32Array,
  target_NO: Float32Array,
  count: number,
  pause: Pause,
): Promise<RidgeMoments> {
  const [I, O] = [input_NI.length / count, target_NO.length / count];
  const inputMean = columnMeans(input_NI, count);
  const outputMean = columnMeans(target_NO, count);
  const inner_II = new Float64Array(I * I);
  const cross_IO = new Float64Array(I * O);
  const x = new Float64Array(I);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < I; i++) x[i] = input_NI[n * I + i] - inputMean[i];
    for (let i = 0; i < I; i++) {
      for (let j = 0; j <= i; j++) inner_II[i * I + j] += x[i] * x[j];
      for (let o = 0; o < O; o++) cross_IO[i * O + o] += x[i] * (target_NO[n * O + o] - outputMean[o]);
    }
    await pause();
  }
  return { count, inputMean, outputMean, inner_II, cross_IO };
}

/** By way of the inputs' second moments. */
async function solveRidge(moments: RidgeMoments, penalty: number, pause: Pause): Promise<LinearModel> {
  const I = moments.inputMean.length;
  const a = moments.inner_II.slice();
  let trace = 0;
  for (let i = 0; i < I; i++) trace += a[i * I + i];
  // A constant input has no variance: any positive number keeps the matrix definite and its weight 0.
  const added = penalty * Math.max(trace / I, 1e-12);
  for (let i = 0; i < I; i++) a[i * I + i] += added;
  const weights_IO = await solveSpd(a, I, moments.cross_IO.slice(), pause);
  return { inputMean: moments.inputMean, outputMean: moments.outputMean, weights_IO };
}

/**
 * The same regression by way of the samples' inner products: cheaper where there are fewer samples than inputs. Weights are
 * input^T (K + added)^-1 target, with K the centred inputs' inner products.
 */
async function solveRidgeDual(
  input_NI: Float32Array,
  target_NO: Float32Array,
  count: number,
  penalties: readonly number[],
  pause: Pause,
): Promise<LinearModel[]> {
  const inputMean = columnMeans(input_NI, count);
  const outputMean = columnMeans(target_NO, count);
  const [I, O] = [inputMean.length, outputMean.length];
  const centred_NI = Float64Array.from(input_NI, (x, k) => x - inputMean[k % I]);
  const kernel_NN = await innerProducts(centred_NI, count, pause);
  let trace = 0;
  for (let n = 0; n < count; n++) trace += kernel_NN[n * count + n];
  const models: LinearModel[] = [];
  for (const penalty of penalties) {
    const a = kernel_NN.slice();
    const added = penalty * Math.max(trace / I, 1e-12);
    for (let n = 0; n < count; n++) a[n * count + n] += added;
    const dual_NO = Float64Array.from(target_NO, (t, k) => t - outputMean[k % O]);
    await solveSpd(a, count, dual_NO, pause);
    const weights_IO = new Float64Array(I * O);
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < I; i++) {
        for (let o = 0; o < O; o++) weights_IO[i * O + o] += centred_NI[n * I + i] * dual_NO[n * O + o];
      }
      await pause();
    }
    models.push({ inputMean, outputMean, weights_IO });
  }
  return models;
}

/** Lower triangle of the inner products of the rows, count x count. */
async function innerProducts(rows_NI: Float64Array, count: number, pause: Pause): Promise<Float64Array> {
  const size = rows_NI.length / count;
  const product_NN = new Float64Array(count * count);
  for (let n = 0; n < count; n++) {
    for (let m = 0; m <= n; m++) {
      let sum = 0;
      for (let i = 0, x = n * size, y = m * size; i < size; i++) sum += rows_NI[x++] * rows_NI[y++];
      product_NN[n * count + m] = sum;
    }
    await pause();
  }
  return product_NN;
}

export function predictLinear(model: LinearModel, input_NI: Float32Array): Float32Array {
  const [I, O] = [model.inputMean.length, model.outputMean.length];
  const count = input_NI.length / I;
  const output_NO = new Float32Array(count * O);
  const sum = new Float64Array(O);
  for (let n = 0; n < count; n++) {
    sum.set(model.outputMean);
    for (let i = 0; i < I; i++) {
      const x = input_NI[n * I + i] - model.inputMean[i];
      for (let o = 0; o < O; o++) sum[o] += x * model.weights_IO[i * O + o];
    }
    output_NO.set(sum, n * O);
  }
  return output_NO;
}

export function columnMeans(values: Float32Array, count: number): Float64Array {
  const size = values.length / count;
  const mean = new Float64Array(size);
  for (let i = 0; i < values.length; i++) mean[i % size] += values[i] / count;
  return mean;
}
