import { meanPatches, type PatchScores, patchScores } from "../../analysis/patch_scores.ts";
import { fitGmm } from "../../analysis/gmm.ts";
import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { imageSide } from "../../cube/image_side.ts";
import { patchGrid } from "../../cube/patches.ts";
import { createPause } from "../../training/pause.ts";
import { clusterPoints } from "./cluster_points.ts";
import { bicOverRange, gmmOptions, labelsOf, mixtureTree } from "./gmm_result.ts";
import { positionsOf, toMap, toMaps } from "./map_pixels.ts";
import type { ResultInput } from "./result_input.ts";

/**
 * Mixture of image patches after their principal components (domain elements): `{positions, window, weights, means,
 * covariances, labels, responsibilities, logLikelihood, bic, patches, components: [{mean, weight, patch}]}`.
 */
export async function patchGmmResult(input: ResultInput): Promise<ResultTree> {
  const { cube } = input;
  const { positions, window, fit } = scoresOf(input);
  const options = gmmOptions(input);
  const pause = createPause(input.signal, () => performance.now());
  input.progress(0.1);
  await pause();
  const gmm = fitGmm(fit.scores_NK, fit.components, options);
  const bic = await bicOverRange(fit.scores_NK, fit.components, { options, input });
  const patches = Float32Array.from(meanPatches(fit, gmm.labels_N, options.components));
  const patch = (k: number) => ndArray(patches.slice(k * window * window, (k + 1) * window * window), [window, window]);
  return {
    positions: positionsOf(positions),
    window,
    ...mixtureTree(gmm),
    labels: toMap(cube, positions, labelsOf(gmm)),
    responsibilities: toMaps(cube, positions, gmm.responsibilities_NK, options.components),
    bic: ndArray(bic, [bic.length]),
    patches: ndArray(patches, [options.components, window, window]),
    components: Array.from(gmm.weights_K, (weight, k) => ({
      mean: ndArray(gmm.means_KL.slice(k * gmm.size, (k + 1) * gmm.size), [gmm.size]),
      weight,
      patch: patch(k),
    })),
  };
}

/**
 * Density clusters of image patches after their principal components: `{positions, window, radius, minPoints, clusters,
 * labels, noise, kDistances, patches}`; noise has the label -1, a pixel without a patch none (NaN).
 */
export async function patchDbscanResult(input: ResultInput): Promise<ResultTree> {
  const { positions, window, fit } = scoresOf(input);
  const { labels_N, clusters, tree } = await clusterPoints(fit.scores_NK, fit.components, input);
  const patches = Float32Array.from(meanPatches(fit, labels_N, clusters));
  return {
    positions: positionsOf(positions),
    window,
    ...tree,
    labels: toMap(input.cube, positions, labels_N),
    patches: ndArray(patches, [clusters, window, window]),
  };
}

function scoresOf(
  { cube, parameters }: ResultInput,
): { positions: ReturnType<typeof patchGrid>; window: number; fit: PatchScores } {
  const [rows, cols] = cube.shape;
  const window = parameters.window as number;
  if (window % 2 !== 0) throw unprocessable("window_odd", `Window must be even; received ${window}`);
  const { image_HW } = imageSide(cube, {
    imageAt: parameters.at as number | undefined,
    map: parameters.map as string | undefined,
  });
  const fit = patchScores({ image_HW, rows, cols, window });
  return { positions: patchGrid(rows, cols, window), window, fit };
}
