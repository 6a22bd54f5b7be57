import type { Pause } from "./pause.ts";
import { solveSpd } from "./solve_spd.ts";

/** A linear map with offset, from inputs to outputs. */
export interface LinearModel {
  inputMean: Float64Array;
  outputMean: Float64Array;
  /** input size x output size */
  weights_IO: Float64Array;
}

/** Centred second moments of inputs, and of inputs with targets: all that ridge regression needs of the data. */
export interface RidgeMoments {
  count: number;
  inputMean: Float64Array;
  outputMean: Float64Array;
  inner_II: Float64Array;
  cross_IO: Float64Array;
}

export async function ridgeMoments(
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

/** Ridge regression with the penalty given per sample and unit of mean input variance. */
export async function solveRidge(moments: RidgeMoments, penalty: number, pause: Pause): Promise<LinearModel> {
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
