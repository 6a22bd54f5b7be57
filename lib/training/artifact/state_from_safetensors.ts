import { unprocessable } from "../../base/errors.ts";
import type { Network } from "../../../models/network.ts";
import { readSafetensors } from "./safetensors.ts";

/** Parameters and running statistics by checkpoint name, in PyTorch's layout. */
type State = Map<string, { shape: readonly number[]; data: Float32Array }>;

/**
 * A network's state from a checkpoint: every parameter under its PyTorch name, in the network's shape, float32 and
 * finite, and nothing else but PyTorch's `num_batches_tracked` counters, which are skipped.
 * @throws malformed `safetensors_malformed`, unprocessable `weights_mismatch` with one issue a tensor
 */
export function stateFromSafetensors(bytes: Uint8Array, network: Network): State {
  const { tensors } = readSafetensors(bytes);
  const state: State = new Map();
  const issues: { path: string; message: string }[] = [];
  for (const { name, shape } of network.parameters) {
    const tensor = tensors.get(name);
    tensors.delete(name);
    const fault = faultOf(tensor, shape);
    if (fault) issues.push({ path: name, message: fault });
    else state.set(name, { shape, data: tensor!.data as Float32Array });
  }
  for (const name of tensors.keys()) {
    if (!name.endsWith(".num_batches_tracked")) issues.push({ path: name, message: "Is not in the network" });
  }
  if (issues.length === 0) return state;
  const [first] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  throw unprocessable("weights_mismatch", `Weights do not fit the network: ${first.path}: ${first.message}${more}`, {
    issues: issues.slice(0, 50),
  });
}

function faultOf(
  tensor: { dtype: string; shape: readonly number[]; data: ArrayLike<number> } | undefined,
  shape: readonly number[],
) {
  if (tensor === undefined) return `Is missing; expected float32 [${shape}]`;
  if (tensor.dtype !== "F32") return `Has dtype ${tensor.dtype}; expected F32`;
  if (tensor.shape.join() !== shape.join()) return `Has shape [${tensor.shape}]; expected [${shape}]`;
  for (let i = 0; i < tensor.data.length; i++) {
    if (!Number.isFinite(tensor.data[i])) return `Holds ${tensor.data[i]} at ${i}; expected finite numbers`;
  }
  return undefined;
}
