import { pca } from "../../analysis/pca.ts";
import type { NetworkState } from "../../compute/engine.ts";
import { initialState } from "../../compute/initial_state.ts";
import type { Network } from "../../../models/network.ts";
import { type LinearModel, predictLinear } from "../baselines/ridge.ts";

/** Layers whose output starts at 0, so that the convolutions add nothing at first. */
const SILENT = ["enc_fc", "dec_out"];
/** Components whose deviation is smaller than this part of the first's are left out. */
const LEAST_DEVIATION = 1e-6;

/**
 * State of a `robust` network before training: its linear path is the ridge regression reduced to as many components as
 * there are latent variables, and the convolutions add nothing. Latent variables are the leading components of the
 * regression's predictions on the training inputs, with unit variance; those beyond its rank start at 0.
 */
export function robustStart(network: Network, seed: number, input_NI: Float32Array, ridge: LinearModel): NetworkState {
  const state = initialState(network, seed);
  const dataOf = (name: string) => state.get(name)!.data;
  for (const layer of SILENT) for (const part of ["weight", "bias"]) dataOf(`${layer}.${part}`).fill(0);
  const [encoder, encoderBias, decoder] = ["linear_enc.weight", "linear_enc.bias", "linear_dec.weight"].map(dataOf);
  for (const values of [encoder, encoderBias, decoder]) values.fill(0);
  const { inputMean, outputMean, weights_IO } = ridge;
  const [inputs, outputs, { latent }] = [inputMean.length, outputMean.length, network.options];
  dataOf("linear_dec.bias").set(outputMean);
  const components = leadingComponents(predictLinear(ridge, input_NI), outputs, latent);
  if (!components) return state;
  const { mean_S: mean, components_KS, explainedVariance_K } = components;
  dataOf("linear_dec.bias").set(mean);
  const first = Math.sqrt(explainedVariance_K[0]);
  explainedVariance_K.forEach((variance, l) => {
    const deviation = Math.sqrt(variance);
    if (deviation < LEAST_DEVIATION * first) return;
    const component = components_KS.subarray(l * outputs, (l + 1) * outputs);
    let offset = 0;
    for (let o = 0; o < outputs; o++) {
      decoder[o * latent + l] = component[o] * deviation;
      offset += (outputMean[o] - mean[o]) * component[o];
    }
    for (let i = 0; i < inputs; i++) {
      let sum = 0;
      for (let o = 0; o < outputs; o++) sum += weights_IO[i * outputs + o] * component[o];
      encoder[l * inputs + i] = sum / deviation;
      offset -= inputMean[i] * sum;
    }
    encoderBias[l] = offset / deviation;
  });
  return state;
}

/** undefined where the predictions do not vary. */
function leadingComponents(predicted_NO: Float32Array, outputs: number, latent: number) {
  const count = predicted_NO.length / outputs;
  const source = { points: outputs, blocks: () => [predicted_NO] };
  try {
    return pca(source, { components: Math.min(latent, outputs, count) });
  } catch (error) {
    if ((error as { code?: string }).code === "constant_data") return undefined;
    throw error;
  }
}
