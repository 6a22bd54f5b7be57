import { nmf } from "../../analysis/nmf.ts";
import { unprocessable } from "../../base/errors.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { toMaps, wholeMap } from "./map_pixels.ts";
import type { ResultInput } from "./result_input.ts";

/** All spectra are held in memory at once, as float64. */
const MOST_VALUES = 2 ** 25;

/**
 * `{components, maps, offset, relativeResidual, axis}`: non-negative spectra K x S of unit norm and their amounts K x rows
 * x cols. `offset` was subtracted from all values first where some were negative. Throws `cube_too_large`.
 */
export function nmfResult({ cube, parameters }: ResultInput): Promise<ResultTree> {
  const [rows, cols, points] = cube.shape;
  if (rows * cols * points > MOST_VALUES) {
    throw unprocessable(
      "cube_too_large",
      `Factorisation takes cubes of at most ${MOST_VALUES} values; received ${rows} x ${cols} x ${points}; crop or bin it`,
    );
  }
  const components = parameters.components as number;
  const spectra_NS = cube.readBlock({ row: 0, col: 0, rows, cols });
  const fit = nmf(spectra_NS, points, { components, seed: parameters.seed as number });
  return Promise.resolve({
    components: ndArray(fit.components_KS, [components, points]),
    maps: toMaps(cube, wholeMap(cube), fit.weights_NK, components),
    offset: fit.offset,
    relativeResidual: fit.relativeResidual,
    axis: cube.axes.spectral,
  });
}
