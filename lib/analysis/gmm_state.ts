import { choleskyInPlace, invertLower } from "./cholesky.ts";

/** full: one matrix a component; tied: one for all; diagonal; spherical: one variance a component. */
export type CovarianceKind = "full" | "tied" | "diagonal" | "spherical";

/** The parameters of a mixture of K normal distributions of L variables; every covariance is kept as a whole matrix. */
export interface MixtureState {
  size: number;
  weights_K: Float64Array;
  means_KL: Float64Array;
  covariances_KLL: Float64Array;
}

/** Added to each variance of the (scaled) data: what keeps a component on one repeated point finite. */
const REGULARISATION = 1e-6;

/**
 * Expectation: responsibilities N x K into `responsibilities_NK`, in the log domain, and the mean log-likelihood per
 * point. A covariance that is not positive definite cannot occur for finite data, since each has the regularisation.
 */
export function expectation(points_NL: Float64Array, state: MixtureState, responsibilities_NK: Float64Array): number {
  const { size, weights_K, means_KL } = state;
  const k = weights_K.length, count = points_NL.length / size;
  const { whiten_KLL, offset_K } = prepare(state);
  const delta = new Float64Array(size);
  let total = 0;
  for (let n = 0; n < count; n++) {
    let largest = -Infinity;
    for (let c = 0; c < k; c++) {
      for (let l = 0; l < size; l++) delta[l] = points_NL[n * size + l] - means_KL[c * size + l];
      const value = offset_K[c] - squaredNorm(whiten_KLL, c * size * size, delta) / 2;
      responsibilities_NK[n * k + c] = value;
      if (value > largest) largest = value;
    }
    let sum = 0;
    for (let c = n * k; c < n * k + k; c++) {
      const below = responsibilities_NK[c] - largest;
      sum += responsibilities_NK[c] = below > -40 ? Math.exp(below) : 0;
    }
    for (let c = n * k; c < n * k + k; c++) responsibilities_NK[c] /= sum;
    total += largest + Math.log(sum);
  }
  return total / count;
}

/** |W delta|^2 for the lower triangular W at `at`. */
function squaredNorm(whiten: Float64Array, at: number, delta: Float64Array): number {
  const size = delta.length;
  let norm = 0;
  for (let i = 0; i < size; i++, at += size) {
    let sum = 0;
    for (let j = 0; j <= i; j++) sum += whiten[at + j] * delta[j];
    norm += sum * sum;
  }
  return norm;
}

/** Inverse Cholesky factors and each component's log weight and normalisation. */
function prepare({ size, weights_K, covariances_KLL }: MixtureState) {
  const whiten_KLL = new Float64Array(covariances_KLL.length);
  const offset_K = weights_K.map((weight, c) => {
    const factor = covariances_KLL.slice(c * size * size, (c + 1) * size * size);
    if (!choleskyInPlace(factor, size)) return -Infinity;
    whiten_KLL.set(invertLower(factor, size), c * size * size);
    let logDeterminant = 0;
    for (let l = 0; l < size; l++) logDeterminant += 2 * Math.log(factor[l * size + l]);
    return Math.log(weight) - (size * Math.log(2 * Math.PI) + logDeterminant) / 2;
  });
  return { whiten_KLL, offset_K };
}

/** Maximisation: weights, means and covariances of this kind from the responsibilities. */
export function maximisation(
  points_NL: Float64Array,
  responsibilities_NK: Float64Array,
  { size, kind, components }: { size: number; kind: CovarianceKind; components: number },
): MixtureState {
  const count = points_NL.length / size;
  const sums_K = new Float64Array(components), means_KL = new Float64Array(components * size);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < components; c++) {
      const r = responsibilities_NK[n * components + c];
      if (r === 0) continue;
      sums_K[c] += r;
      for (let l = 0; l < size; l++) means_KL[c * size + l] += r * points_NL[n * size + l];
    }
  }
  for (let i = 0; i < means_KL.length; i++) means_KL[i] /= Math.max(sums_K[Math.floor(i / size)], 1e-300);
  const covariances_KLL = scatter(points_NL, responsibilities_NK, means_KL, size);
  constrain(covariances_KLL, sums_K, size, kind);
  return { size, weights_K: sums_K.map((sum) => sum / count), means_KL, covariances_KLL };
}

/** Sum of r (x - mean)(x - mean)^T of each component. */
function scatter(points_NL: Float64Array, responsibilities_NK: Float64Array, means_KL: Float64Array, size: number) {
  const count = points_NL.length / size, components = means_KL.length / size;
  const scatter_KLL = new Float64Array(components * size * size), delta = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < components; c++) {
      const r = responsibilities_NK[n * components + c];
      if (r === 0) continue;
      for (let l = 0; l < size; l++) delta[l] = points_NL[n * size + l] - means_KL[c * size + l];
      for (let i = 0, at = c * size * size; i < size; i++, at += size) {
        for (let j = 0; j <= i; j++) scatter_KLL[at + j] += r * delta[i] * delta[j];
      }
    }
  }
  return scatter_KLL;
}

/** Scatter into covariances of the kind, symmetric, with the regularisation on the diagonal. */
function constrain(scatter_KLL: Float64Array, sums_K: Float64Array, size: number, kind: CovarianceKind): void {
  const square = size * size, components = sums_K.length;
  const total = sums_K.reduce((a, b) => a + b);
  const pooled = new Float64Array(square);
  for (let i = 0; i < scatter_KLL.length; i++) pooled[i % square] += scatter_KLL[i] / total;
  for (let c = 0; c < components; c++) {
    const own = scatter_KLL.subarray(c * square, (c + 1) * square);
    for (let i = 0; i < square; i++) own[i] = kind === "tied" ? pooled[i] : own[i] / Math.max(sums_K[c], 1e-300);
    let trace = 0;
    for (let l = 0; l < size; l++) trace += own[l * size + l];
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < i; j++) {
        const value = kind === "diagonal" || kind === "spherical" ? 0 : own[i * size + j];
        own[i * size + j] = own[j * size + i] = value;
      }
      own[i * size + i] = (kind === "spherical" ? trace / size : own[i * size + i]) + REGULARISATION;
    }
  }
}
