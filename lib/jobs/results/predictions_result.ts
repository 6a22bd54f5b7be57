import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { imageSide } from "../../cube/image_side.ts";
import { cutPatches } from "../../cube/patches.ts";
import { positionErrors } from "./error_maps.ts";
import { positionsOf } from "./map_pixels.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/**
 * `{positions, axis, predicted, latents, spread?}` with arrays rows x cols x output; or, with `row` and `col`, one pixel:
 * `{row, col, patch, measured, predicted, latent, spread?, errors}`, where `measured` is always the spectrum and `patch`
 * the patch of the image, and `predicted` what the model said: a spectrum or a patch.
 */
export function predictionsResult(input: ResultInput): Promise<ResultTree> {
  return Promise.resolve(input.parameters.row === undefined ? allPixels(input) : onePixel(input));
}

function allPixels(input: ResultInput): ResultTree {
  const { prediction, manifest } = modelOf(input);
  const { rows, cols } = prediction;
  const shape = [rows, cols, ...outputShape(input)];
  return {
    positions: positionsOf(prediction),
    axis: input.cube.axes.spectral,
    predicted: ndArray(prediction.output_HWO, shape),
    latents: ndArray(prediction.latent_HWL, [rows, cols, manifest.network.latent]),
    spread: prediction.spread_HWO && ndArray(prediction.spread_HWO, shape),
  };
}

function onePixel(input: ResultInput): ResultTree {
  const { cube } = input;
  const { manifest, prediction } = modelOf(input);
  const { row, col } = input.parameters as { row: number; col: number };
  const { row0, col0, rows, cols } = prediction;
  if (row < row0 || row >= row0 + rows || col < col0 || col >= col0 + cols) {
    throw unprocessable(
      "pixel_without_patch",
      `Pixel ${row}, ${col} has no whole patch of ${manifest.network.window}; rows ${row0} to ${row0 + rows - 1} and ` +
        `columns ${col0} to ${col0 + cols - 1} have one`,
    );
  }
  const { window, direction, latent } = manifest.network;
  const { image_HW } = imageSide(cube, manifest.image ?? {});
  const patch = cutPatches(image_HW, cube.shape[0], cube.shape[1], window, [row * cube.shape[1] + col]);
  const measured = cube.readSpectrum(row, col);
  const shape = outputShape(input), size = shape.reduce((a, b) => a * b);
  const n = (row - row0) * cols + col - col0;
  const predicted = prediction.output_HWO.slice(n * size, (n + 1) * size);
  const [low, high] = [image_HW.reduce((a, b) => Math.min(a, b)), image_HW.reduce((a, b) => Math.max(a, b))];
  const target_NO = direction === "im2spec" ? measured : patch;
  const errors = positionErrors(cube, manifest, predicted, { target_NO, outputShape: shape, imageRange: high - low });
  return {
    row,
    col,
    axis: cube.axes.spectral,
    patch: ndArray(patch, [window, window]),
    measured: ndArray(measured, [measured.length]),
    predicted: ndArray(predicted, shape),
    latent: ndArray(prediction.latent_HWL.slice(n * latent, (n + 1) * latent), [latent]),
    spread: prediction.spread_HWO && ndArray(prediction.spread_HWO.slice(n * size, (n + 1) * size), shape),
    errors: Object.fromEntries(Object.entries(errors).map(([name, values]) => [name, finite(values[0])])),
  };
}

function outputShape(input: ResultInput): number[] {
  const { direction, window } = modelOf(input).manifest.network;
  return direction === "im2spec" ? [input.cube.shape[2]] : [window, window];
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
