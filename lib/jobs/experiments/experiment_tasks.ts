import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { advise, LEAST_POINTS } from "../../experiments/advise.ts";
import { type PixelFeatures, pixelFeatures } from "../../experiments/pixel_features.ts";
import { forbiddenPixels, type Polygon } from "../../experiments/forbidden_pixels.ts";
import { firstOf } from "../../experiments/measured.ts";
import { compareOnMap, type MapComparison } from "../../experiments/map_comparison.ts";
import { fitSurrogate, type Surrogate } from "../../experiments/surrogate.ts";
import { openCubeFile } from "../../store/cube_files/cube_file.ts";
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
  /** Of a rehearsal that is to be compared with random points. */
  cubeFolder?: string;
}

export interface PredictionTask extends ExperimentTask {
  /** The spectral step whose mean is wanted; absent: all. */
  step?: number;
}

/** The experiment that was asked about last: its map does not change, and its last model is wanted again. */
interface Kept {
  id: string;
  features: PixelFeatures;
  forbidden_HW: Uint8Array;
  model?: { count: number; model: Surrogate };
}
let kept: Kept | undefined;

function keptOf({ id, image_HW, rows, cols, window, forbidden }: ExperimentTask): Kept {
  if (kept?.id !== id) {
    const features = pixelFeatures(image_HW, rows, cols, window);
    kept = { id, features, forbidden_HW: forbiddenPixels(forbidden, rows, cols) };
  }
  return kept;
}

/** The model of the first `count` measured points. */
function modelOf(task: ExperimentTask, count: number): Surrogate {
  const known = keptOf(task);
  if (known.model?.count !== count) {
    const { pixels, values_NS, seed } = task;
    const measured = firstOf({ pixels, values_NO: Float64Array.from(values_NS) }, count);
    known.model = { count, model: fitSurrogate(known.features, measured, seed) };
  }
  return known.model!.model;
}

/** `{pixels, scores, trainedOn, forbidden, before?, map?}` */
export function adviceTask(task: AdviceTask): ResultTree {
  const { pixels, values_NS, pending, strategy, target, axis, seed, learned, count } = task;
  const measured = { pixels, values_NO: Float64Array.from(values_NS) };
  const { features, forbidden_HW } = keptOf(task);
  const input = { features, forbidden_HW, strategy, target, axis, seed, measured, pending, learned, count };
  const { points, trainedOn, before } = advise({ ...input, modelOf: (first) => modelOf(task, first) });
  const map = task.cubeFolder !== undefined && trainedOn >= LEAST_POINTS
    ? comparison(task, task.cubeFolder)
    : undefined;
  return {
    pixels: points.map(({ pixel }) => pixel),
    scores: points.map(({ score }) => score),
    trainedOn,
    forbidden: forbidden_HW.reduce((sum, isForbidden) => sum + isForbidden, 0),
    ...(before ? { before: { ...before } } : {}),
    ...(map ? { map: { ...map } } : {}),
  };
}

function comparison(task: AdviceTask, cubeFolder: string): MapComparison {
  const cube = openCubeFile(cubeFolder);
  try {
    const count = task.pixels.length;
    return compareOnMap(cube, { features: keptOf(task).features, count, seed: task.seed, model: modelOf(task, count) });
  } finally {
    cube.close();
  }
}

/** `{mean, spread, measured}`: rows x cols x points (rows x cols of one step), and rows x cols twice. */
export function experimentPredictionTask(task: PredictionTask): ResultTree {
  const { rows, cols, pixels, values_NS, step } = task;
  const model = modelOf(task, pixels.length);
  const all = Int32Array.from({ length: rows * cols }, (_, pixel) => pixel);
  const points = values_NS.length / pixels.length;
  const mean = Float32Array.from(model.mean(all, step));
  const spread = Float32Array.from(model.deviation(all), (deviation) => deviation * model.scale);
  const measured = new Uint8Array(rows * cols);
  for (const pixel of pixels) measured[pixel] = 1;
  return {
    mean: ndArray(mean, step === undefined ? [rows, cols, points] : [rows, cols]),
    spread: ndArray(spread, [rows, cols]),
    measured: ndArray(measured, [rows, cols]),
  };
}
