import type { Pause } from "../pause.ts";
import { columnMeans } from "./ridge.ts";
import { solveSpd } from "./solve_spd.ts";

/** Kernel ridge regression with k(x, y) = exp(-gamma |x - y|^2) on centred targets. */
export interface KernelModel {
  gamma: number;
  inputSize: number;
  input_NI: Float32Array;
  outputMean: Float64Array;
  /** Weight of each training sample for each output; N x output size. */
  dual_NO: Float64Array;
}

export interface KernelConstants {
  gamma: number;
  /** Added to the kernel's diagonal (which is 1). */
  penalty: number;
}

/** Squared distances between the rows of two tables, as |a|^2 + |b|^2 - 2 a.b; A x B. */
export async function squaredDistances(
  a_AI: Float32Array,
  b_BI: Float32Array,
  size: number,
  pause: Pause,
): Promise<Float64Array> {
  const [A, B] = [a_AI.length / size, b_BI.length / size];
  const distance_AB = new Float64Array(A * B);
  for (let a = 0; a < A; a++) {
    for (let b = 0; b < B; b++) {
      let sum = 0;
      for (let i = 0, x = a * size, y = b * size; i < size; i++, x++, y++) sum += (a_AI[x] - b_BI[y]) ** 2;
      distance_AB[a * B + b] = sum;
    }
    await pause();
  }
  return distance_AB;
}

/** Fits to samples whose mutual squared distances are given (`squaredDistances(input_NI, input_NI)`). */
export async function fitKernelRidge(
  input_NI: Float32Array,
  target_NO: Float32Array,
  distance_NN: Float64Array,
  { gamma, penalty }: KernelConstants,
  pause: Pause,
): Promise<KernelModel> {
  const count = Math.round(Math.sqrt(distance_NN.length));
  const outputMean = columnMeans(target_NO, count);
  const dual_NO = Float64Array.from(target_NO, (t, i) => t - outputMean[i % outputMean.length]);
  const kernel = distance_NN.map((d) => Math.exp(-gamma * d));
  for (let n = 0; n < count; n++) kernel[n * count + n] += penalty;
  await pause();
  await solveSpd(kernel, count, dual_NO, pause);
  return { gamma, inputSize: input_NI.length / count, input_NI, outputMean, dual_NO };
}

export async function predictKernelRidge(
  model: KernelModel,
  input_MI: Float32Array,
  distance_MN: Float64Array,
  pause: Pause,
): Promise<Float32Array> {
  const N = model.input_NI.length / model.inputSize;
  const O = model.outputMean.length;
  const count = input_MI.length / model.inputSize;
  const output_MO = new Float32Array(count * O);
  const sum = new Float64Array(O);
  const kernel = new Float64Array(N);
  const { dual_NO } = model;
  for (let m = 0; m < count; m++) {
    sum.set(model.outputMean);
    for (let n = 0; n < N; n++) kernel[n] = Math.exp(-model.gamma * distance_MN[m * N + n]);
    let n = 0;
    // Four samples a pass over the sums.
    for (; n + 3 < N; n += 4) {
      const [k0, k1, k2, k3] = [kernel[n], kernel[n + 1], kernel[n + 2], kernel[n + 3]];
      let [d0, d1, d2, d3] = [n * O, (n + 1) * O, (n + 2) * O, (n + 3) * O];
      for (let o = 0; o < O; o++) {
        sum[o] += k0 * dual_NO[d0++] + k1 * dual_NO[d1++] + k2 * dual_NO[d2++] + k3 * dual_NO[d3++];
      }
    }
    for (; n < N; n++) for (let o = 0; o < O; o++) sum[o] += kernel[n] * dual_NO[n * O + o];
    output_MO.set(sum, m * O);
    await pause();
  }
  return output_MO;
}
