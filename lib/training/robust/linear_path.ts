import type { NetworkState } from "../../compute/engine.ts";
import type { Network } from "../../../models/network.ts";

/** What the linear paths of a `robust` model's members predict alone, on average; standardised, N x output size. */
export function linearPathOf(states: readonly NetworkState[], network: Network, input_NI: Float32Array): Float32Array {
  const { latent } = network.options;
  const outputs = states[0].get("linear_dec.bias")!.data.length;
  const inputs = states[0].get("linear_enc.weight")!.data.length / latent;
  const count = input_NI.length / inputs;
  const output_NO = new Float32Array(count * outputs);
  for (const state of states) {
    const latent_NL = dense(state, "linear_enc", input_NI, inputs);
    const part_NO = dense(state, "linear_dec", latent_NL, latent);
    for (let i = 0; i < output_NO.length; i++) output_NO[i] += part_NO[i] / states.length;
  }
  return output_NO;
}

function dense(state: NetworkState, name: string, input_NI: Float32Array, inputs: number): Float32Array {
  const [weight, bias] = ["weight", "bias"].map((part) => state.get(`${name}.${part}`)!.data);
  const count = input_NI.length / inputs;
  const output_NO = new Float32Array(count * bias.length);
  for (let n = 0; n < count; n++) {
    for (let o = 0; o < bias.length; o++) {
      let sum = bias[o];
      for (let i = 0; i < inputs; i++) sum += weight[o * inputs + i] * input_NI[n * inputs + i];
      output_NO[n * bias.length + o] = sum;
    }
  }
  return output_NO;
}
