import { unprocessable } from "../base/errors.ts";
import type { CubeReader, Region } from "../cube/cube.ts";
import { gatherSpectra } from "../cube/gather_spectra.ts";
import { type ImageChoice, imageSide } from "../cube/image_side.ts";
import { measuredPixels } from "../cube/measured_pixels.ts";
import { cutPatches } from "../cube/patches.ts";
import { fitStandardiser, standardise } from "../cube/scale.ts";
import {
  distanceFrom,
  labelPixels,
  PIXEL_LABEL,
  type PixelSplit,
  SMALLEST_TEST,
  SMALLEST_TRAIN,
  splitPixels,
} from "../cube/split.ts";
import type { TrainRequest } from "../schemas/job.ts";
import type { Scaler } from "../schemas/model.ts";
import { calibrationRegion } from "./calibration_region.ts";
import { thin } from "./thin.ts";

/** Inputs and targets of some pixels, standardised; N x input size and N x output size. */
export interface PairSet {
  pixels: Int32Array;
  input_NI: Float32Array;
  target_NO: Float32Array;
}

/** What a training takes over from the model that it continues from. */
export interface Continued {
  scaler: Scaler;
  /** Where the request names no image side, that model's: its scaler fits no other. */
  image?: ImageChoice;
  /** Where on this cube that model was trained (`seenRegions`). */
  seen: readonly Region[];
}

/** One cube's part of the training data. */
export interface CubePart {
  /** Place in the list of cubes. */
  cube: number;
  /** Where its pixels lie on the common grid. */
  row0: number;
  rows: number;
  /** Trained on: the part held out for calibration is cut off. */
  region: Region;
  scaler: Scaler;
  trainPixels: number;
  testPixels: number;
}

export interface TrainingData {
  /** Columns of the grid of pixels: the cube's, or of several cubes one below the other. */
  cols: number;
  /** One for each cube, by row. */
  parts: CubePart[];
  image: ImageChoice;
  /** Of several cubes the mean of theirs: what is not one of them is standardised by it. */
  scaler: Scaler;
  inputSize: number;
  outputSize: number;
  train: PairSet;
  test: PairSet;
  /** Guard pixels on which the best epoch is chosen: see `choosingPixels`. */
  guard: PairSet;
  /** 1 where a guard target may be looked at, 0 where it is also part of a test target; N x output size. */
  guardWeight_NO: Float32Array;
  /** Block of the asked region on which an ensemble's spread is calibrated; empty unless `holdsOut`. */
  calibration: PairSet;
}

const MAX_TRAIN_BYTES = 256 * 2 ** 20;
const MAX_TEST_PIXELS = 4096;
/** Large patches are tested on fewer pixels, since the baselines compare each with many training inputs. */
const MAX_TEST_VALUES = 2 ** 22;
const MAX_GUARD_PIXELS = 512;

/**
 * Splits one cube's pixels and cuts standardised pairs for each part. The scaler is fitted to the training part alone, or
 * taken from the model that is continued from. Pixels that were not measured (`measuredPixels`) are in no part. Very large parts are thinned evenly so that pairs stay under 256 MiB; of several cubes (`among`) each gets its share.
 * Throws what `splitPixels` and `imageSide` throw, `calibration_seen` and `too_few_measured_pixels`.
 */
export function buildTrainingData(
  cube: CubeReader,
  request: TrainRequest,
  from?: Continued,
  among = 1,
): TrainingData {
  const [rows, cols, points] = cube.shape;
  const { window, direction } = request;
  const { choice, raw } = pairReader(cube, request, from);
  const seen = from?.seen ?? [];
  const asked = splitPixels(cube.shape, window, request.region, seen);
  const isHeldOut = holdsOut(request);
  const split = isHeldOut
    ? splitPixels(cube.shape, window, calibrationRegion(asked, rows, cols, window).train, seen)
    : asked;
  const [inputSize, outputSize] = direction === "im2spec" ? [window ** 2, points] : [points, window ** 2];
  const measured_HW = measuredPixels(cube);
  const measured = (pixels: Int32Array) => pixels.filter((pixel) => measured_HW[pixel] === 1);
  const [trainable, testable] = [measured(split.train), measured(asked.test)];
  checkMeasured("training", trainable, SMALLEST_TRAIN);
  checkMeasured("test", testable, SMALLEST_TEST);
  const calibration = isHeldOut ? measured(calibrationPixels(asked, split, rows, cols, window)) : new Int32Array();
  if (isHeldOut) checkMeasured("calibration", calibration, 1);
  const trainPixels = thin(trainable, Math.floor(MAX_TRAIN_BYTES / among / 4 / (inputSize + outputSize)));
  const [trainInput, trainTarget] = raw(trainPixels);
  const used = from?.scaler ?? fitScaler(trainInput, trainTarget, points, request);
  const pairs = (pixels: Int32Array, [input, target] = raw(pixels)): PairSet => ({
    pixels,
    input_NI: standardise(input, used.input),
    target_NO: standardise(target, used.output),
  });
  const choosing = choosingPixels(split, cols, request, seen);
  const guard = pairs(thin(measured(choosing).length > 0 ? measured(choosing) : choosing, MAX_GUARD_PIXELS));
  const train = pairs(trainPixels, [trainInput, trainTarget]);
  const test = pairs(thin(testable, mostTestPixels(inputSize, among)));
  const counts = { trainPixels: trainPixels.length, testPixels: test.pixels.length };
  return {
    cols,
    parts: [{ cube: 0, row0: 0, rows, region: split.region, scaler: used, ...counts }],
    image: choice,
    scaler: used,
    inputSize,
    outputSize,
    train,
    test,
    guard,
    guardWeight_NO: guardWeights(guard.pixels, asked, cols, request, outputSize),
    calibration: pairs(calibration),
  };
}

/** All measured pixels of a cube with a whole patch, to test on: the cube is not trained on. */
export function wholeTestSet(cube: CubeReader, request: TrainRequest, scaler: Scaler, from?: Continued): PairSet {
  const [rows, cols] = cube.shape;
  const { window } = request;
  const measured_HW = measuredPixels(cube);
  const label_HW = labelPixels([rows, cols], window, { toTrain: () => Infinity, toSeen: [] });
  const all = Int32Array.from(label_HW.keys()).filter((pixel) =>
    label_HW[pixel] === PIXEL_LABEL.test && measured_HW[pixel] === 1
  );
  checkMeasured("test", all, SMALLEST_TEST);
  const { raw } = pairReader(cube, request, from);
  const pixels = thin(all, mostTestPixels(request.direction === "im2spec" ? window ** 2 : cube.shape[2], 1));
  const [input, target] = raw(pixels);
  return { pixels, input_NI: standardise(input, scaler.input), target_NO: standardise(target, scaler.output) };
}

function mostTestPixels(inputSize: number, among: number): number {
  return Math.ceil(Math.min(MAX_TEST_PIXELS, Math.floor(MAX_TEST_VALUES / inputSize)) / among);
}

/** Reads inputs and targets of pixels in their own units. */
function pairReader(cube: CubeReader, request: TrainRequest, from?: Continued) {
  const [rows, cols] = cube.shape;
  const { window, direction } = request;
  const unsaid = request.imageAt === undefined && request.map === undefined;
  const { image_HW, choice } = imageSide(cube, unsaid && from?.image || request);
  const raw = (pixels: Int32Array): [Float32Array, Float32Array] => {
    const patches_NHW = cutPatches(image_HW, rows, cols, window, pixels);
    const spectra_NS = gatherSpectra(cube, pixels);
    return direction === "im2spec" ? [patches_NHW, spectra_NS] : [spectra_NS, patches_NHW];
  };
  return { choice, raw };
}

/** Whether a block of the region is kept from an ensemble's training; a `robust` one is calibrated by folds, once. */
export function holdsOut({ members, recipe }: TrainRequest): boolean {
  return members > 1 && recipe === "published";
}

function checkMeasured(part: string, pixels: Int32Array, least: number): void {
  if (pixels.length >= least) return;
  throw unprocessable(
    "too_few_measured_pixels",
    `Only ${pixels.length} ${part} pixels were measured (of the others more than half of the spectrum was replaced), at ` +
      `least ${least} are expected: choose another region or crop the cube`,
  );
}

/** Patches are standardised with one mean and deviation (their pixels are alike), spectra as asked. */
function fitScaler(input: Float32Array, target: Float32Array, points: number, request: TrainRequest): Scaler {
  const { direction, scaling } = request;
  const image = (values: Float32Array) => fitStandardiser(values, 1, scaling === "none" ? "none" : "global");
  const spectra = (values: Float32Array) => fitStandardiser(values, points, scaling);
  return direction === "im2spec"
    ? { input: image(input), output: spectra(target) }
    : { input: spectra(input), output: image(target) };
}

/**
 * Guard pixels that may choose the best epoch. im2spec: the outer half of the band, since a patch further in is mostly one
 * that was trained on. spec2im: the whole band, since its inputs are spectra that were not trained on, and since of an outer
 * patch little more than an edge is in no test patch (`guardWeights`). The same holds for what was trained on before.
 */
function choosingPixels(
  split: PixelSplit,
  cols: number,
  { direction, window }: TrainRequest,
  seen: readonly Region[],
): Int32Array {
  const rows = split.label_HW.length / cols;
  const distances = [split.region, ...seen].map((region) => distanceFrom(region, rows, cols, window));
  const least = direction === "spec2im" ? 1 : window / 2;
  return split.guard.filter((pixel) =>
    distances.every((distance) => distance(Math.floor(pixel / cols), pixel % cols) >= least)
  );
}

function guardWeights(
  guard: Int32Array,
  asked: PixelSplit,
  cols: number,
  { direction, window }: TrainRequest,
  outputSize: number,
): Float32Array {
  const weight_NO = new Float32Array(guard.length * outputSize).fill(1);
  if (direction === "im2spec") return weight_NO;
  const covered_HW = coveredByPatches(asked.test, asked.label_HW.length / cols, cols, window);
  let n = 0;
  for (const pixel of guard) {
    const first = pixel - (window / 2) * (cols + 1);
    for (let r = 0; r < window; r++) {
      for (let c = 0; c < window; c++) weight_NO[n++] = covered_HW[first + r * cols + c] > 0 ? 0 : 1;
    }
  }
  return weight_NO;
}

/** In how many of the patches of these pixels each pixel of the map lies: corners marked, then summed along both axes. */
function coveredByPatches(pixels: Int32Array, rows: number, cols: number, window: number): Int32Array {
  const wide = cols + 1;
  const corner = new Int32Array((rows + 1) * wide);
  for (const pixel of pixels) {
    const at = (Math.floor(pixel / cols) - window / 2) * wide + pixel % cols - window / 2;
    corner[at]++;
    corner[at + window]--;
    corner[at + window * wide]--;
    corner[at + window * wide + window]++;
  }
  const count_HW = new Int32Array(rows * cols);
  for (let r = 0; r < rows; r++) {
    for (let c = 0, inRow = 0; c < cols; c++) {
      inRow += corner[r * wide + c];
      count_HW[r * cols + c] = inRow + (r > 0 ? count_HW[(r - 1) * cols + c] : 0);
    }
  }
  return count_HW;
}

/** Pixels that were to be trained on and whose patch shares no pixel with what is now trained on. */
function calibrationPixels(
  asked: PixelSplit,
  kept: PixelSplit,
  rows: number,
  cols: number,
  window: number,
): Int32Array {
  const { held } = calibrationRegion(asked, rows, cols, window);
  const pixels = asked.train.filter((pixel) => {
    const [row, col] = [Math.floor(pixel / cols), pixel % cols];
    const inside = row >= held.row && row < held.row + held.rows && col >= held.col && col < held.col + held.cols;
    return inside && kept.label_HW[pixel] === PIXEL_LABEL.test;
  });
  if (pixels.length > 0) return pixels;
  throw unprocessable(
    "calibration_seen",
    `The model to go on from was trained in columns ${held.col} to ${
      held.col + held.cols - 1
    }, on which this ensemble's ` +
      "spread would be calibrated: expected another region, another cube, or an ensemble to go on from",
  );
}
