import { mseOfEach, nrmseOfEach } from "../../analysis/pixel_errors.ts";
import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { measuredPixels } from "../../cube/measured_pixels.ts";
import { standardise, unstandardise } from "../../cube/scale.ts";
import { PIXEL_LABEL, SMALLEST_TRAIN } from "../../cube/split.ts";
import { kernelBaseline, ridgeBaseline, treesBaseline } from "../../training/baselines/baselines.ts";
import { createPause } from "../../training/pause.ts";
import { takePairs } from "../../training/take_pairs.ts";
import { scorePart } from "./errors_result.ts";
import { positionsOf, toMap } from "./map_pixels.ts";
import { type MeasuredPairs, measuredPairs } from "./pairs.ts";
import { partLabels, trainingPart } from "./parts.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/** In the order of `explainedBy`. */
export const CONSENSUS_METHODS = ["model", "ridge", "kernelRidge", "trees", "consensus"] as const;
type Method = typeof CONSENSUS_METHODS[number];

/** Predictions of every position by each method, positions x output size in physical units. */
export interface ConsensusPredictions {
  pairs: MeasuredPairs;
  /** PIXEL_LABEL of each pixel of the cube; `outside` where it was not measured. */
  scored_HW: Uint8Array;
  output: Record<Method, Float32Array>;
  /** Smallest mean squared error of any method at each position, and the index of that method. */
  smallest: Float64Array;
  explainedBy: Float64Array;
}

/**
 * `{positions, output, mse, nrmse, smallest, explainedBy, methods, isTrain, part, parts, scores}`: the plain average of what the
 * model, kernel ridge regression and extremely randomised trees say, each fitted to the model's training pixels alone. `smallest` is
 * the smallest mean squared error of any method and `explainedBy` its place in `methods`: what no method explains is where to
 * look. On training pixels errors are those of a fit. Throws what `consensusPredictions` throws.
 */
export async function consensusResult(input: ResultInput): Promise<ResultTree> {
  const { cube } = input;
  const { prediction } = modelOf(input);
  const { pairs, scored_HW, output, smallest, explainedBy } = await consensusPredictions(input);
  const size = output.consensus.length / pairs.pixels.length;
  const compared = { prediction: output.consensus, target: pairs.target_NO, size };
  const map = (values: ArrayLike<number>) => toMap(cube, prediction, values);
  const scores = CONSENSUS_METHODS.map((method) => [
    method,
    scorePart(pairs, output[method], scored_HW, PIXEL_LABEL.test, cube.shape[1]),
  ]);
  return {
    positions: positionsOf(prediction),
    output: ndArray(output.consensus, [prediction.rows, prediction.cols, ...pairs.outputShape]),
    mse: map(mseOfEach(compared)),
    nrmse: map(nrmseOfEach(compared)),
    smallest: map(smallest),
    explainedBy: map(explainedBy),
    methods: [...CONSENSUS_METHODS],
    isTrain: map(pairs.pixels.map((pixel) => scored_HW[pixel] === PIXEL_LABEL.train ? 1 : 0)),
    part: ndArray(partLabels(input), [cube.shape[0], cube.shape[1]]),
    parts: { ...PIXEL_LABEL },
    scores: Object.fromEntries(scores),
  };
}

/**
 * Throws `not_trained_here` for a cube without the model's training pixels, since the other methods are fitted to
 * these, and `too_few_train_pixels` for a crop that holds too few of them.
 */
export async function consensusPredictions(input: ResultInput): Promise<ConsensusPredictions> {
  const { cube, progress } = input;
  const model = modelOf(input);
  const { manifest, prediction } = model;
  const { name, version, scaler, network } = manifest;
  if (trainingPart(input) === "none") {
    const detail =
      `Cube is not the one that ${name}@${version} was trained on; expected that cube, since the other methods are ` +
      "fitted to its training pixels";
    throw unprocessable("not_trained_here", detail);
  }
  const pairs = measuredPairs(cube, model);
  const measured_HW = measuredPixels(cube);
  const scored_HW = partLabels(input).map((label, pixel) => measured_HW[pixel] ? label : PIXEL_LABEL.outside);
  const all = {
    pixels: pairs.pixels,
    input_NI: standardise(pairs.input_NI, scaler.input),
    target_NO: standardise(pairs.target_NO, scaler.output),
  };
  const trained = Int32Array.from(pairs.pixels.keys()).filter((n) => scored_HW[pairs.pixels[n]] === PIXEL_LABEL.train);
  if (trained.length < SMALLEST_TRAIN) {
    const detail = `Training pixels in this cube are ${trained.length}; expected at least ${SMALLEST_TRAIN}`;
    throw unprocessable("too_few_train_pixels", detail);
  }
  const train = takePairs(all, trained);
  const pause = createPause(input.signal, () => performance.now());
  const options = { cols: cube.shape[1], window: network.window, seed: manifest.training?.seed, pause };
  const physical = (values: Float32Array) => unstandardise(values, scaler.output);
  const ridge = physical(await ridgeBaseline(train, all, options));
  progress(0.2);
  const kernelRidge = physical(await kernelBaseline(train, all, options));
  progress(0.5);
  const trees = physical(await treesBaseline(train, all, options));
  const said = prediction.output_HWO;
  const consensus = said.map((value, i) => (value + kernelRidge[i] + trees[i]) / 3);
  const output = { model: said, ridge, kernelRidge, trees, consensus };
  return { pairs, scored_HW, output, ...smallestErrors(output, pairs) };
}

function smallestErrors(output: Record<Method, Float32Array>, { target_NO, pixels }: MeasuredPairs) {
  const size = target_NO.length / pixels.length;
  const errors = CONSENSUS_METHODS.map((method) => mseOfEach({ prediction: output[method], target: target_NO, size }));
  const explainedBy = Float64Array.from(
    pixels,
    (_, n) => errors.reduce((best, error, k) => error[n] < errors[best][n] ? k : best, 0),
  );
  return { explainedBy, smallest: explainedBy.map((k, n) => errors[k][n]) };
}
