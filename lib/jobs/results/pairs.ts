import type { CubeReader } from "../../cube/cube.ts";
import { imageSide } from "../../cube/image_side.ts";
import { cutPatches } from "../../cube/patches.ts";
import type { ResultModel } from "./result_input.ts";
import { pixelsOf } from "./map_pixels.ts";

/** What was measured at every position of a model's prediction. */
export interface MeasuredPairs {
  /** Cube pixel of each position. */
  pixels: Int32Array;
  patches_NHW: Float32Array;
  spectra_NS: Float32Array;
  /** What the model was given, and what it should have said: patches and spectra, or spectra and patches. */
  input_NI: Float32Array;
  target_NO: Float32Array;
  inputShape: number[];
  outputShape: number[];
  /** Largest minus smallest value of the image that the patches were cut from. */
  imageRange: number;
}

/** The pairs of a model on a cube; throws `map_not_there` where the model reads a channel that the cube has not. */
export function measuredPairs(cube: CubeReader, { manifest, prediction }: ResultModel): MeasuredPairs {
  const [rows, cols, points] = cube.shape;
  const { window, direction } = manifest.network;
  const { image_HW } = imageSide(cube, manifest.image ?? {});
  const pixels = pixelsOf(cube, prediction);
  const patches_NHW = cutPatches(image_HW, rows, cols, window, pixels);
  const { row0, col0 } = prediction;
  const spectra_NS = cube.readBlock({ row: row0, col: col0, rows: prediction.rows, cols: prediction.cols });
  const [patch, spectrum] = [{ values: patches_NHW, shape: [window, window] }, { values: spectra_NS, shape: [points] }];
  const [input, target] = direction === "im2spec" ? [patch, spectrum] : [spectrum, patch];
  return {
    pixels,
    patches_NHW,
    spectra_NS,
    input_NI: input.values,
    target_NO: target.values,
    inputShape: input.shape,
    outputShape: target.shape,
    imageRange: rangeOf(image_HW),
  };
}

function rangeOf(values: Float32Array): number {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low;
}
