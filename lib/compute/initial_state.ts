import { sizeOf } from "../base/nd_array.ts";
import { createRandom } from "../base/random.ts";
import type { Random } from "../base/random.ts";
import type { Network, ParameterSpec } from "../../models/network.ts";
import type { NetworkState } from "./engine.ts";

/**
 * A network's state before training, PyTorch's defaults: weights and biases uniform in +-1/sqrt(fanIn), gamma and
 * running variance 1, beta and running mean 0. The same seed gives the same state everywhere.
 */
export function initialState(network: Network, seed: number): NetworkState {
  const random = createRandom(seed);
  return new Map(
    network.parameters.map((spec) => [spec.name, { shape: spec.shape, data: initialValues(spec, random) }]),
  );
}

function initialValues(spec: ParameterSpec, random: Random): Float32Array {
  const data = new Float32Array(sizeOf(spec.shape));
  if (spec.kind === "gamma" || spec.kind === "runningVar") return data.fill(1);
  if (spec.kind === "beta" || spec.kind === "runningMean") return data;
  const bound = 1 / Math.sqrt(spec.fanIn);
  return data.map(() => (2 * random.uniform() - 1) * bound);
}
