import { type ManifoldGrid, manifoldGrid } from "../../analysis/manifold_grid.ts";
import { meanOfRows, nearestPoints } from "../../analysis/nearest.ts";
import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { createPause } from "../../training/pause.ts";
import { measuredPairs } from "./pairs.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/** Pixels whose inputs are averaged at each node: the inverse of the decoder, by what was measured. */
const NEAREST = 3;
const MOST_BYTES = 2 ** 28;

/**
 * `{grid: {z0, z1}, dims, decoded, nearest}`: outputs decoded on a latent grid, steps x steps x output with z0 first,
 * and the mean input of the 3 pixels nearest in latent space. Throws `dims_outside_latent`.
 */
export async function manifoldResult(input: ResultInput): Promise<ResultTree> {
  const model = modelOf(input);
  const grid = gridOf(input);
  const { window, points } = model.manifest.network;
  requireRoom(grid.z0.length * grid.z1.length * Math.max(window * window, points));
  const decoded = await model.decode(grid.latents_NL);
  input.progress(0.5);
  const { input_NI, inputShape, outputShape } = measuredPairs(input.cube, model);
  const latent = model.manifest.network.latent, size = inputShape.reduce((a, b) => a * b);
  const nodes = grid.latents_NL.length / latent;
  const nearest = new Float32Array(nodes * size);
  const pause = createPause(input.signal, () => performance.now());
  for (let n = 0; n < nodes; n++) {
    await pause();
    const node = grid.latents_NL.subarray(n * latent, (n + 1) * latent);
    nearest.set(meanOfRows(input_NI, size, nearestPoints(model.prediction.latent_HWL, node, NEAREST)), n * size);
  }
  const steps = [grid.z0.length, grid.z1.length];
  return {
    ...gridTree(input, grid),
    decoded: ndArray(decoded, [...steps, ...outputShape]),
    nearest: ndArray(nearest, [...steps, ...inputShape]),
  };
}

/** Refuses results that would fill the memory: `result_too_large` beyond 256 MiB of float32. */
export function requireRoom(values: number): void {
  if (4 * values <= MOST_BYTES) return;
  const met = Math.round(4 * values / 2 ** 20);
  throw unprocessable(
    "result_too_large",
    `The grid would take ${met} MiB, at most ${MOST_BYTES / 2 ** 20} are given; ask for fewer steps`,
  );
}

/** The latent grid that the parameters `steps` and `dims` ask for. */
export function gridOf(input: ResultInput): ManifoldGrid {
  const { prediction, manifest } = modelOf(input);
  const { steps, dims } = input.parameters as { steps: number; dims: [number, number] };
  return manifoldGrid(prediction.latent_HWL, { size: manifest.network.latent, steps, dims });
}

/** Where the nodes are. */
export function gridTree({ parameters }: ResultInput, { z0, z1 }: ManifoldGrid) {
  return { grid: { z0: ndArray(z0, [z0.length]), z1: ndArray(z1, [z1.length]) }, dims: parameters.dims as number[] };
}
