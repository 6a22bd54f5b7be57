import { momentsOf } from "../../analysis/covariance.ts";
import { sourceOf } from "../../analysis/spectra_source.ts";
import { symmetricEigen } from "../../analysis/symmetric_eigen.ts";
import type { NetworkState } from "../../compute/engine.ts";
import type { Network } from "../../../models/network.ts";
import { copyState } from "./copy_state.ts";

/** Variances smaller than this part of the largest count as this. */
const LEAST_VARIANCE = 1e-8;

/**
 * The same `robust` network with other latent variables: uncorrelated over `latent_NL` and of unit variance, in the order
 * of how much each moves the output along the linear path, the largest output of each positive (the sign rule of PCA).
 * An invertible change z' = A z + c is worked into the layers before and after the bottleneck, so that predictions stay
 * the same within rounding. Returns the state unchanged where a latent variable is not finite.
 */
export function principalLatents(network: Network, state: NetworkState, latent_NL: Float32Array): NetworkState {
  const { latent: L } = network.options;
  const count = latent_NL.length / L;
  if (count < 2 || !latent_NL.every(Number.isFinite)) return state;
  const change = changeOf(state.get("linear_dec.weight")!.data, latent_NL, L);
  const result = copyState(state);
  const dataOf = (name: string) => result.get(name)!.data;
  const { forward_LL, back_LL, mean_L } = change;
  // Before the bottleneck: rows of both layers are mixed; one of them takes the shift as well.
  for (const layer of ["enc_fc", "linear_enc"]) {
    const [weight, bias] = [dataOf(`${layer}.weight`), dataOf(`${layer}.bias`)];
    if (layer === "linear_enc") bias.forEach((_, l) => bias[l] -= mean_L[l]);
    mixRows(forward_LL, weight, L);
    mixRows(forward_LL, bias, L);
  }
  // After it: z = back z' + mean.
  for (const layer of ["dec_fc", "linear_dec"]) {
    const [weight, bias] = [dataOf(`${layer}.weight`), dataOf(`${layer}.bias`)];
    for (let o = 0; o < bias.length; o++) {
      const row = weight.slice(o * L, (o + 1) * L);
      for (let l = 0; l < L; l++) bias[o] += row[l] * mean_L[l];
      for (let k = 0; k < L; k++) {
        let sum = 0;
        for (let l = 0; l < L; l++) sum += row[l] * back_LL[l * L + k];
        weight[o * L + k] = sum;
      }
    }
  }
  return result;
}

/** z' = forward (z - mean), z = back z' + mean; both L x L, row-major. */
function changeOf(linear_OL: Float32Array, latent_NL: Float32Array, L: number) {
  const { mean_S: mean_L, covariance_SS } = momentsOf(sourceOf(latent_NL, L), "covariance");
  const { values, vectors_KS: axes } = symmetricEigen(covariance_SS!, L, L);
  const deviations = Array.from(values, (v) => Math.sqrt(Math.max(v, LEAST_VARIANCE * values[0], Number.MIN_VALUE)));
  // Columns of `white` turn whitened variables into z; the output moves by linear . white.
  const white_LL = Float64Array.from(
    { length: L * L },
    (_, at) => axes[(at % L) * L + Math.floor(at / L)] * deviations[at % L],
  );
  const outputs = linear_OL.length / L;
  const moved_OL = new Float64Array(outputs * L);
  for (let o = 0; o < outputs; o++) {
    for (let k = 0; k < L; k++) {
      for (let l = 0; l < L; l++) moved_OL[o * L + k] += linear_OL[o * L + l] * white_LL[l * L + k];
    }
  }
  const inner_LL = new Float64Array(L * L);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < L; i++) {
      for (let j = 0; j < L; j++) inner_LL[i * L + j] += moved_OL[o * L + i] * moved_OL[o * L + j];
    }
  }
  const { vectors_KS: turned } = symmetricEigen(inner_LL, L, L);
  for (let k = 0; k < L; k++) orient(turned.subarray(k * L, (k + 1) * L), moved_OL);
  const back_LL = new Float64Array(L * L), forward_LL = new Float64Array(L * L);
  for (let i = 0; i < L; i++) {
    for (let j = 0; j < L; j++) {
      for (let k = 0; k < L; k++) {
        back_LL[i * L + j] += white_LL[i * L + k] * turned[j * L + k];
        forward_LL[i * L + j] += turned[i * L + k] * axes[k * L + j] / deviations[k];
      }
    }
  }
  return { forward_LL, back_LL, mean_L };
}

/** Turns a direction round where the output that it moves most falls. */
function orient(direction_L: Float64Array, moved_OL: Float64Array): void {
  const L = direction_L.length;
  let largest = 0;
  for (let at = 0; at < moved_OL.length; at += L) {
    let moved = 0;
    for (let l = 0; l < L; l++) moved += moved_OL[at + l] * direction_L[l];
    if (Math.abs(moved) > Math.abs(largest)) largest = moved;
  }
  if (largest < 0) direction_L.forEach((value, l) => direction_L[l] = -value);
}

/** values (L x anything) = matrix (L x L) times values. */
function mixRows(matrix_LL: Float64Array, values: Float32Array, L: number): void {
  const width = values.length / L;
  const before = values.slice();
  for (let l = 0; l < L; l++) {
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let k = 0; k < L; k++) sum += matrix_LL[l * L + k] * before[k * width + i];
      values[l * width + i] = sum;
    }
  }
}
