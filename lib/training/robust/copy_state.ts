import type { NetworkState } from "../../compute/engine.ts";

/** The same weights in arrays of their own, to be changed in place. */
export function copyState(state: NetworkState): NetworkState {
  return new Map([...state].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
}
