import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { advise } from "../../experiments/advise.ts";
import { type PixelFeatures, pixelFeatures } from "../../experiments/pixel_features.ts";
import { forbiddenPixels, type Polygon } from "../../experiments/forbidden_pixels.ts";
import { fitSurrogate } from "../../experiments/surrogate.ts";
import type { ExperimentTarget, Strategy } from "../../schemas/experiment.ts";

/** What the analysis process needs to know of an experiment. */
export interface ExperimentTask {
  id: string;
  rows: number;
  cols: number;
  window: number;
  seed: number;
  image_HW: Float32Array;
  pixels: Int32Array;
  values_NS: Float32Array;
  forbidden: Polygon[];
  /** Pixels that were handed out and are not measured. */
  pending: Int32Array;
}

export interface AdviceTask extends ExperimentTask {
  strategy: Strategy;
  target?: ExperimentTarget;
  axis: number[];
  learned: number;
  count: number;
}

/** The map of the experiment that was asked about last: it does not change. */
let kept: { id: string; features: PixelFeatures; forbidden_HW: Uint8Array } | undefined;

function mapOf({ id, image_HW, rows, cols, window, forbidden }: ExperimentTask) {
  if (kept?.id !== id) {
    const features = pixelFeatures(image_HW, rows, cols, window);
    kept = { id, features, forbidden_HW: forbiddenPixels(forbidden, rows, cols) };
  }
  return kept;
}

/** `{pixels, scores, trainedOn, forbidden, before?}` */
export function adviceTask(task: AdviceTask): ResultTree {
  const { pixels, values_NS, pending, strategy, target, axis, seed, learned, count } = task;
  const measured = { pixels, values_NO: Float64Array.from(values_NS) };
  const { features, forbidden_HW } = mapOf(task);
  const input = { features, forbidden_HW, strategy, target, axis, seed, measured, pending, learned, count };
  const { points, trainedOn, before } = advise(input);
  return {
    pixels: points.map(({ pixel }) => pixel),
    scores: points.map(({ score }) => score),
    trainedOn,
    forbidden: forbidden_HW.reduce((sum, isForbidden) => sum + isForbidden, 0),
    ...(before ? { before: { ...before } } : {}),
  };
}

/** `{mean, spread, measured}`: rows x cols x points, and rows x cols twice. */
export function experimentPredictionTask(task: ExperimentTask): ResultTree {
  const { rows, cols, pixels, values_NS, seed } = task;
  const model = fitSurrogate(mapOf(task).features, { pixels, values_NO: Float64Array.from(values_NS) }, seed);
  const all = Int32Array.from({ length: rows * cols }, (_, pixel) => pixel);
  const points = values_NS.length / pixels.length;
  const mean = Float32Array.from(model.mean(all));
  const spread = Float32Array.from(model.deviation(all), (deviation) => deviation * model.scale);
  const measured = new Uint8Array(rows * cols);
  for (const pixel of pixels) measured[pixel] = 1;
  return {
    mean: ndArray(mean, [rows, cols, points]),
    spread: ndArray(spread, [rows, cols]),
    measured: ndArray(measured, [rows, cols]),
  };
}
