import type { ResultTree } from "../../base/nd_array.ts";
import { clusterPoints } from "./cluster_points.ts";
import { positionsOf, toMap } from "./map_pixels.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/**
 * Density clusters of the latents: `{positions, radius, minPoints, clusters, noise, kDistances, labels}`; noise has the
 * label -1, a pixel without a patch none (NaN).
 */
export async function latentDbscanResult(input: ResultInput): Promise<ResultTree> {
  const { prediction, manifest } = modelOf(input);
  const { labels_N, tree } = await clusterPoints(prediction.latent_HWL, manifest.network.latent, input);
  return { positions: positionsOf(prediction), ...tree, labels: toMap(input.cube, prediction, labels_N) };
}
