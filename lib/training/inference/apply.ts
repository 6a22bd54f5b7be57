import type { CubeReader } from "../../cube/cube.ts";
import { imageSide } from "../../cube/image_side.ts";
import { patchGrid } from "../../cube/patches.ts";
import { unprocessable } from "../../base/errors.ts";
import { checkAxis } from "./check_axis.ts";
import { createPause } from "../pause.ts";
import { type OpenModel, predictImagePhysical, predictPhysical, sizeOf } from "./predict.ts";

/** A model's answer for every pixel of a cube that has a whole patch. */
export interface AppliedModel {
  row0: number;
  col0: number;
  rows: number;
  cols: number;
  /** rows x cols x latent */
  latent_HWL: Float32Array;
  /** rows x cols x points (im2spec) or window^2 (spec2im), in physical units. */
  output_HWO: Float32Array;
  /** Half-width of the calibrated 90 % band, as `output_HWO`; ensembles only. */
  spread_HWO?: Float32Array;
}

export interface ApplyOptions {
  signal?: AbortSignal;
  nowMs?: () => number;
}

/** Positions given to the engine at once: a prediction for someone else waits no longer than these take. */
const POSITIONS_AT_ONCE = 1024;
const MOST_RESULT_BYTES = 2 ** 30;

/**
 * Applies a model to a cube, a few rows at a time. The pixels are the same in both directions, so that maps compare.
 * Throws `axis_mismatch`, `map_not_there`, `window_too_large`,
 * `result_too_large`, `cancelled`.
 */
export async function applyModel(
  cube: CubeReader,
  model: OpenModel,
  options: ApplyOptions = {},
): Promise<AppliedModel> {
  const { manifest } = model.loaded;
  const { direction, latent, window } = manifest.network;
  const [rows, cols] = cube.shape;
  checkAxis(manifest, cube);
  const grid = patchGrid(rows, cols, window);
  if (grid.rows === 0 || grid.cols === 0) {
    throw unprocessable("window_too_large", `The map is ${rows} x ${cols} pixels, the model's window is ${window}`);
  }
  const size = sizeOf(model.loaded, "output");
  const pixels = grid.rows * grid.cols;
  checkResultSize(pixels * size * (model.sessions.length > 1 ? 2 : 1));
  const applied: AppliedModel = {
    ...grid,
    latent_HWL: new Float32Array(pixels * latent),
    output_HWO: new Float32Array(pixels * size),
    ...(model.sessions.length > 1 ? { spread_HWO: new Float32Array(pixels * size) } : {}),
  };
  const bandOf = direction === "im2spec" ? imageBands(cube, model) : spectrumBands(cube, model);
  const pause = createPause(options.signal, options.nowMs ?? (() => performance.now()), 0);
  const rowsAtOnce = Math.max(1, Math.floor(POSITIONS_AT_ONCE / grid.cols));
  for (let row = 0; row < grid.rows; row += rowsAtOnce) {
    await pause();
    const band = await bandOf(row, Math.min(rowsAtOnce, grid.rows - row));
    applied.latent_HWL.set(band.latent, row * grid.cols * latent);
    applied.output_HWO.set(band.output, row * grid.cols * size);
    if (band.spread) applied.spread_HWO?.set(band.spread, row * grid.cols * size);
  }
  return applied;
}

function checkResultSize(values: number): void {
  const bytes = 4 * values;
  if (bytes <= MOST_RESULT_BYTES) return;
  throw unprocessable(
    "result_too_large",
    `The predictions of the whole map take ${bytes} bytes, at most ${MOST_RESULT_BYTES} are given; crop the cube`,
  );
}

/** Some rows of positions, from a row of the grid on. */
type BandOf = (row: number, rows: number) => Promise<
  { latent: Float32Array; output: Float32Array; spread?: Float32Array }
>;

function imageBands(cube: CubeReader, model: OpenModel): BandOf {
  const { image, network } = model.loaded.manifest;
  const { image_HW } = imageSide(cube, image ?? {});
  const cols = cube.shape[1];
  return async (row, rows) => {
    const bandRows = rows + network.window - 1;
    const band_HW = image_HW.subarray(row * cols, (row + bandRows) * cols);
    const { latent_HWL, output_HWS, spread_HWS } = await predictImagePhysical(model, band_HW, bandRows, cols);
    return { latent: latent_HWL, output: output_HWS, spread: spread_HWS };
  };
}

function spectrumBands(cube: CubeReader, model: OpenModel): BandOf {
  const { window } = model.loaded.manifest.network;
  const grid = patchGrid(cube.shape[0], cube.shape[1], window);
  return async (row, rows) => {
    const spectra_NS = cube.readBlock({ row: grid.row0 + row, col: grid.col0, rows, cols: grid.cols });
    const { latent_NL, output_NO, spread_NO } = await predictPhysical(model, spectra_NS);
    return { latent: latent_NL, output: output_NO, spread: spread_NO };
  };
}
