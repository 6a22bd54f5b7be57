import { noveltyOf } from "../../analysis/novelty.ts";
import { suggestByDiversity, suggestByScore, type Suggestion } from "../../analysis/suggest.ts";
import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { PIXEL_LABEL } from "../../cube/split.ts";
import { consensusPredictions } from "./consensus_result.ts";
import { positionErrors } from "./error_maps.ts";
import { toMap } from "./map_pixels.ts";
import { measuredPairs } from "./pairs.ts";
import { partLabels } from "./parts.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

type Rule = "error" | "uncertainty" | "novelty" | "diversity" | "consensus";

/**
 * `{by, points: [{row, col, score}], scores?}`: where to measure next, best first. Measured is what the model was trained
 * on; only pixels with a whole patch are suggested. `scores` is the map that was gone by: nrmse, mean width of the
 * ensemble's band, Mahalanobis distance from the training latents, or what no method explains (`consensusPredictions`).
 */
export async function suggestResult(input: ResultInput): Promise<ResultTree> {
  const { cube } = input;
  const { prediction } = modelOf(input);
  const [rows, cols] = cube.shape;
  const { count, by } = input.parameters as { count: number; by: Rule };
  const labels = partLabels(input);
  const measured = (pixel: number) => labels[pixel] === PIXEL_LABEL.train;
  const forbidden = (pixel: number) => labels[pixel] === PIXEL_LABEL.outside;
  const options = { count, rows, cols, measured, forbidden };
  if (by === "diversity") return { by, points: pointsTree(suggestByDiversity(options)) };
  const score = by === "consensus" ? (await consensusPredictions(input)).smallest : scoresBy(by, input, labels);
  const scores = toMap(cube, prediction, score);
  const points = suggestByScore(scores.data, options);
  return { by, points: pointsTree(points), scores: ndArray(scores.data, [rows, cols]) };
}

function scoresBy(by: Exclude<Rule, "diversity" | "consensus">, input: ResultInput, labels: Uint8Array): Float64Array {
  const { cube } = input;
  const model = modelOf(input);
  const { prediction, manifest } = model;
  const pairs = measuredPairs(cube, model);
  if (by === "error") return positionErrors(cube, manifest, prediction.output_HWO, pairs).nrmse;
  if (by === "novelty") {
    const trained = pairs.pixels.some((pixel) => labels[pixel] === PIXEL_LABEL.train);
    // Of a cube that the model has not seen, what is usual is told by the cube itself.
    const usual = (n: number) => !trained || labels[pairs.pixels[n]] === PIXEL_LABEL.train;
    return noveltyOf(prediction.latent_HWL, manifest.network.latent, usual);
  }
  const { spread_HWO } = prediction;
  if (!spread_HWO) {
    throw unprocessable(
      "no_ensemble",
      "Uncertainty needs an ensemble: a model trained with 2 or more members; expected such a model",
    );
  }
  const size = spread_HWO.length / pairs.pixels.length;
  return Float64Array.from(
    pairs.pixels,
    (_, n) => spread_HWO.subarray(n * size, (n + 1) * size).reduce((sum, width) => sum + width, 0) / size,
  );
}

function pointsTree(points: Suggestion[]): ResultTree[] {
  return points.map(({ row, col, score }) => ({ row, col, score }));
}
