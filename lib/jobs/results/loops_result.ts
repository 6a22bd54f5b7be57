import { unprocessable } from "../../base/errors.ts";
import { type ResultTree } from "../../base/nd_array.ts";
import { isLoopAxis } from "../../analysis/loop_branches.ts";
import { FIT_QUANTITIES } from "../../analysis/fit_loops.ts";
import { LOOP_PARAMETERS } from "../../analysis/loop_parameters.ts";
import type { CubeReader } from "../../cube/cube.ts";
import { createPause } from "../../training/pause.ts";
import { loopLegend, loopMaps, type LoopTable, loopTable } from "./loop_tree.ts";
import { positionsOf, rowBlocks, wholeMap } from "./map_pixels.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/**
 * Measured loops of a cube: a map rows x cols for each parameter of LOOP_PARAMETERS by name, with `axis` and `units`;
 * with `fit`, the nine-parameter fits' maps under `fit`. Throws `no_loop` for a cube whose axis does not return.
 */
export async function cubeLoopsResult(input: ResultInput): Promise<ResultTree> {
  const { cube, signal, progress } = input;
  const fit = input.parameters.fit === true;
  requireLoop(cube);
  const [rows, cols] = cube.shape;
  const pause = createPause(signal, () => performance.now());
  const table: LoopTable = {
    parameters_NP: new Float64Array(rows * cols * LOOP_PARAMETERS.length),
    ...(fit ? { fits_NQ: new Float64Array(rows * cols * FIT_QUANTITIES.length) } : {}),
  };
  for (const block of rowBlocks(cube)) {
    const part = await loopTable(block.values_NS, cube.axes.spectral.values, {
      fit,
      pause,
      progress: (share) => progress((block.row + share * block.rows) / rows),
    });
    table.parameters_NP.set(part.parameters_NP, block.row * cols * LOOP_PARAMETERS.length);
    if (part.fits_NQ) table.fits_NQ!.set(part.fits_NQ, block.row * cols * FIT_QUANTITIES.length);
  }
  return { ...loopLegend(cube, fit), ...loopMaps(cube, wholeMap(cube), table) };
}

/**
 * Loops as measured and as predicted at the same pixels, and predicted minus measured: `{positions, axis, units,
 * measured, predicted, difference}`, each with the maps of `cubeLoopsResult`. im2spec only.
 */
export async function modelLoopsResult(input: ResultInput): Promise<ResultTree> {
  const { cube, signal, progress } = input;
  const { prediction, manifest } = modelOf(input);
  if (manifest.network.direction !== "im2spec") {
    throw unprocessable("no_loop", "Loops are predicted by im2spec models; this one is spec2im and predicts patches");
  }
  requireLoop(cube);
  const fit = input.parameters.fit === true;
  const axis = cube.axes.spectral.values;
  const pause = createPause(signal, () => performance.now());
  const { row0, col0, rows, cols } = prediction;
  const loops = cube.readBlock({ row: row0, col: col0, rows, cols });
  const measured = await loopTable(loops, axis, { fit, pause, progress: (share) => progress(share / 2) });
  const said = prediction.output_HWO;
  const predicted = await loopTable(said, axis, { fit, pause, progress: (share) => progress(0.5 + share / 2) });
  const minus = (a?: Float64Array, b?: Float64Array) => a && b && a.map((value, i) => value - b[i]);
  const difference = {
    parameters_NP: minus(predicted.parameters_NP, measured.parameters_NP)!,
    fits_NQ: minus(predicted.fits_NQ, measured.fits_NQ),
  };
  return {
    positions: positionsOf(prediction),
    ...loopLegend(cube, fit),
    parameters: [...LOOP_PARAMETERS],
    measured: loopMaps(cube, prediction, measured),
    predicted: loopMaps(cube, prediction, predicted),
    difference: loopMaps(cube, prediction, difference),
    meanDifference: meanDifference(difference.parameters_NP),
  };
}

/** Mean and root mean square of each parameter's difference over the pixels where both are defined. */
function meanDifference(difference_NP: Float64Array): ResultTree {
  const p = LOOP_PARAMETERS.length;
  return Object.fromEntries(LOOP_PARAMETERS.map((name, at) => {
    const values = difference_NP.filter((value, i) => i % p === at && Number.isFinite(value));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const rms = Math.sqrt(values.reduce((a, b) => a + b * b, 0) / values.length);
    return [name, values.length === 0 ? null : { mean, rms, pixels: values.length }];
  }));
}

function requireLoop({ axes: { spectral }, shape }: CubeReader): void {
  if (isLoopAxis(spectral.values)) return;
  const [low, high] = [Math.min(...spectral.values), Math.max(...spectral.values)];
  throw unprocessable(
    "no_loop",
    `The axis ${spectral.name || "of the spectra"} goes one way only (${
      shape[2]
    } points from ${low} to ${high}): without a ` +
      "falling and a rising branch there is no coercive bias, imprint or loop area; components, factors and mixtures " +
      "(pca, nmf, patches/gmm) make sense here",
  );
}
