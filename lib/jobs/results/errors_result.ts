import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { measuredPixels } from "../../cube/measured_pixels.ts";
import { PIXEL_LABEL } from "../../cube/split.ts";
import type { Score } from "../../schemas/model.ts";
import { blockSums, scoreOf } from "../../training/evaluation/block_scores.ts";
import { createPause } from "../../training/pause.ts";
import { positionErrors } from "./error_maps.ts";
import { positionsOf, toMap } from "./map_pixels.ts";
import { type MeasuredPairs, measuredPairs } from "./pairs.ts";
import { partLabels, trainingPart } from "./parts.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/**
 * `{positions, mse, nrmse, areaAbs | ssim, isTrain, part, parts, scores}`: maps on the cube's grid, NaN where no whole
 * patch fits. `isTrain` is 1 in training, 0 elsewhere; `part` tells guard from test. `ssim` holds 1 - SSIM.
 */
export async function errorsResult(input: ResultInput): Promise<ResultTree> {
  const { cube, progress } = input;
  const model = modelOf(input);
  const { manifest, prediction } = model;
  const pause = createPause(input.signal, () => performance.now());
  const pairs = measuredPairs(cube, model);
  await pause();
  const errors = positionErrors(cube, manifest, prediction.output_HWO, pairs);
  progress(0.7);
  await pause();
  const labels = partLabels(input);
  const map = (values: Float64Array | undefined) => values ? toMap(cube, prediction, values) : null;
  // What was never measured, only filled in, cannot tell how good a prediction is.
  const measured_HW = measuredPixels(cube);
  const scored_HW = labels.map((label, pixel) => measured_HW[pixel] ? label : PIXEL_LABEL.outside);
  const own = Float32Array.from(pairs.pixels, (pixel) => scored_HW[pixel]);
  const scoreOfPart = (label: number) => scorePart(pairs, prediction.output_HWO, scored_HW, label, cube.shape[1]);
  const im2spec = manifest.network.direction === "im2spec";
  return {
    positions: positionsOf(prediction),
    mse: map(errors.mse),
    nrmse: map(errors.nrmse),
    ...(im2spec ? { areaAbs: map(errors.areaAbs) } : { ssim: map(errors.ssim) }),
    isTrain: toMap(cube, prediction, own.map((label) => label === PIXEL_LABEL.train ? 1 : 0)),
    part: ndArray(labels, [cube.shape[0], cube.shape[1]]),
    parts: { ...PIXEL_LABEL },
    scores: {
      train: scoreOfPart(PIXEL_LABEL.train),
      guard: scoreOfPart(PIXEL_LABEL.guard),
      test: scoreOfPart(PIXEL_LABEL.test),
      ...trainedScores(input),
    },
  };
}

const NOTES = {
  none: "The model was not trained on this cube: all its pixels are test pixels, and no baseline is fitted to them",
  cropped:
    "This cube and the one that the model was trained on are parts of the same measurement: parts are those of " +
    "its training, and no baseline is fitted to these pixels",
};

/** Baselines, intervals and verdict belong to the split of the training cube; another cube has none of its own. */
function trainedScores(input: ResultInput): { [name: string]: ResultTree } {
  const { scores } = modelOf(input).manifest;
  const part = trainingPart(input);
  if (!scores || part !== "whole") return { baselines: null, note: NOTES[part === "cropped" ? "cropped" : "none"] };
  const { baselines, byBlock, intervals, verdict, coverage } = scores;
  return { baselines, byBlock, intervals, verdict, coverage } as { [name: string]: ResultTree };
}

/** The score over all pixels of one part; null for a part without pixels. */
export function scorePart(
  { pixels, target_NO }: MeasuredPairs,
  output_NO: Float32Array,
  labels: Uint8Array,
  label: number,
  cols: number,
): Score | null {
  const chosen = Array.from(pixels.keys()).filter((n) => labels[pixels[n]] === label);
  if (chosen.length === 0) return null;
  const size = target_NO.length / pixels.length;
  const rowsOf = (values: Float32Array) => {
    const rows = new Float32Array(chosen.length * size);
    chosen.forEach((n, at) => rows.set(values.subarray(n * size, (n + 1) * size), at * size));
    return rows;
  };
  const scored = {
    pixels: Int32Array.from(chosen, (n) => pixels[n]),
    predicted_NO: rowsOf(output_NO),
    target_NO: rowsOf(target_NO),
  };
  return scoreOf(blockSums(scored, cols, 64));
}
