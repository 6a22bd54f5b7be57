import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { throwIfCancelled } from "../../training/pause.ts";
import { gridOf, gridTree, requireRoom } from "./manifold_result.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/** Step of the differences, as a part of the grid's range: large enough for float32, small beside the decoder's bends. */
const STEP = 0.01;

/**
 * `{grid: {z0, z1}, dims, jacobian}`: what each latent variable does to the output at every node, output unit per unit
 * of latent, steps x steps x latent x output; by central differences of the decoder.
 */
export async function jacobianResult(input: ResultInput): Promise<ResultTree> {
  const { manifest, decode } = modelOf(input);
  const { latent, direction, window, points } = manifest.network;
  const grid = gridOf(input);
  const range = Math.max(grid.z0[grid.z0.length - 1] - grid.z0[0], grid.z1[grid.z1.length - 1] - grid.z1[0]);
  const step = STEP * (range || 1);
  const outputShape = direction === "im2spec" ? [points] : [window, window];
  const size = outputShape.reduce((a, b) => a * b), nodes = grid.latents_NL.length / latent;
  requireRoom(nodes * latent * size);
  const jacobian = new Float32Array(nodes * latent * size);
  for (let l = 0; l < latent; l++) {
    throwIfCancelled(input.signal);
    input.progress(l / latent);
    const shifted = (by: number) => decode(grid.latents_NL.map((z, i) => i % latent === l ? z + by : z));
    const [above, below] = [await shifted(step), await shifted(-step)];
    for (let n = 0; n < nodes; n++) {
      for (let o = 0; o < size; o++) {
        jacobian[(n * latent + l) * size + o] = (above[n * size + o] - below[n * size + o]) / (2 * step);
      }
    }
  }
  const shape = [grid.z0.length, grid.z1.length, latent, ...outputShape];
  return { ...gridTree(input, grid), jacobian: ndArray(jacobian, shape) };
}
