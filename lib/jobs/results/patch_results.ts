import { dbscan, kDistances, suggestRadius } from "../../analysis/dbscan.ts";
import { meanPatches, type PatchScores, patchScores } from "../../analysis/patch_scores.ts";
import { fitGmm } from "../../analysis/gmm.ts";
import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { imageSide } from "../../cube/image_side.ts";
import { patchGrid } from "../../cube/patches.ts";
import { createPause } from "../../training/pause.ts";
import { bicOverRange, gmmOptions, labelsOf, mixtureTree } from "./gmm_result.ts";
import { positionsOf, toMap, toMaps } from "./map_pixels.ts";
import type { ResultInput } from "./result_input.ts";

/** All pairs of neighbours are looked at: more points than these would take minutes. */
const MOST_CLUSTERED = 40_000;

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
 * labels, noise, kDistances, patches}`; noise has the label -1. Throws `too_many_points` beyond 40 000 patches.
 */
export async function patchDbscanResult(input: ResultInput): Promise<ResultTree> {
  const { cube, signal, parameters } = input;
  const { positions, window, fit } = scoresOf(input);
  const count = positions.rows * positions.cols;
  if (count > MOST_CLUSTERED) {
    throw unprocessable(
      "too_many_points",
      `Density clusters take at most ${MOST_CLUSTERED} patches, met ${count}; crop the map`,
    );
  }
  const minPoints = parameters.minPoints as number;
  const pause = createPause(signal, () => performance.now());
  const options = { size: fit.components, minPoints };
  const curve = kDistances(fit.scores_NK, options);
  input.progress(0.4);
  await pause();
  const radius = (parameters.radius as number | undefined) ?? suggestRadius(curve);
  const labels_N = dbscan(fit.scores_NK, { ...options, radius });
  const clusters = labels_N.reduce((most, label) => Math.max(most, label + 1), 0);
  const patches = Float32Array.from(meanPatches(fit, labels_N, clusters));
  return {
    positions: positionsOf(positions),
    window,
    radius,
    minPoints,
    clusters,
    labels: toMap(cube, positions, labels_N),
    noise: labels_N.filter((label) => label < 0).length,
    kDistances: ndArray(curve, [curve.length]),
    patches: ndArray(patches, [clusters, window, window]),
  };
}

function scoresOf(
  { cube, parameters }: ResultInput,
): { positions: ReturnType<typeof patchGrid>; window: number; fit: PatchScores } {
  const [rows, cols] = cube.shape;
  const window = parameters.window as number;
  if (window % 2 !== 0) throw unprocessable("window_odd", `Window must be even, met ${window}`);
  const { image_HW } = imageSide(cube, {
    imageAt: parameters.at as number | undefined,
    map: parameters.map as string | undefined,
  });
  const fit = patchScores({ image_HW, rows, cols, window });
  return { positions: patchGrid(rows, cols, window), window, fit };
}
