import { noiseFloor } from "../../analysis/noise_floor.ts";
import { pca, pcaScores } from "../../analysis/pca.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { createPause } from "../../training/pause.ts";
import { rowBlocks } from "./map_pixels.ts";
import type { ResultInput } from "./result_input.ts";

/** Variances beyond those asked for are needed to see where the noise begins. */
const SCREE = 20;

/**
 * `{explainedVarianceRatio, explainedVariance, components, maps, mean, axis, scree: {explainedVarianceRatio, noiseFloor,
 * componentsAboveNoise}}`: components K x S, their score maps K x rows x cols. The noise floor is that of parallel
 * analysis, as a ratio too.
 */
export async function pcaResult({ cube, parameters, signal, progress }: ResultInput): Promise<ResultTree> {
  const [rows, cols, points] = cube.shape;
  const components = parameters.components as number;
  const pause = createPause(signal, () => performance.now());
  const source = {
    points,
    *blocks() {
      for (const { values_NS } of rowBlocks(cube)) yield values_NS;
    },
  };
  const scree = Math.max(components, Math.min(points, rows * cols, SCREE));
  const fit = pca(source, { components: scree });
  progress(0.6);
  await pause();
  const floor = noiseFloor(fit, { seed: 1 });
  progress(0.8);
  await pause();
  const components_KS = fit.components_KS.slice(0, components * points);
  const maps = new Float32Array(components * rows * cols);
  for (const { row, values_NS } of rowBlocks(cube)) {
    await pause();
    const scores_NK = pcaScores(values_NS, { ...fit, components_KS });
    for (let i = 0; i < scores_NK.length; i++) {
      maps[(i % components) * rows * cols + row * cols + Math.floor(i / components)] = scores_NK[i];
    }
  }
  const list = (values: Float64Array) => ndArray(values, [values.length]);
  return {
    explainedVarianceRatio: list(fit.explainedVarianceRatio_K.slice(0, components)),
    explainedVariance: list(fit.explainedVariance_K.slice(0, components)),
    components: ndArray(components_KS, [components, points]),
    maps: ndArray(maps, [components, rows, cols]),
    mean: list(fit.mean_S),
    axis: cube.axes.spectral,
    scree: {
      explainedVarianceRatio: list(fit.explainedVarianceRatio_K),
      noiseFloor: list(floor.floor_K.map((value) => value / fit.totalVariance)),
      componentsAboveNoise: floor.components,
    },
  };
}
