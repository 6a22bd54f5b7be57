import { unprocessable } from "../../base/errors.ts";
import { createMemoryCube } from "../../cube/memory_cube.ts";
import { positionsOf } from "./map_pixels.ts";
import { modelOf, type ResultTask } from "./result_input.ts";

/**
 * The same result of the spectra that a model predicted instead of those measured: maps are of the positions, which come
 * with it. Throws `no_predicted_spectra` for spec2im.
 */
export function ofPredicted(task: ResultTask): ResultTask {
  return async (input) => {
    const { prediction, manifest } = modelOf(input);
    if (manifest.network.direction !== "im2spec") {
      throw unprocessable("no_predicted_spectra", "Spectra are predicted by im2spec models; this one predicts patches");
    }
    const { cube } = input;
    const { row0, col0, rows, cols } = prediction;
    const part = <T extends { values: number[] }>(axis: T, from: number, count: number): T => ({
      ...axis,
      values: axis.values.slice(from, from + count),
    });
    const predicted = createMemoryCube({
      shape: [rows, cols, cube.shape[2]],
      axes: {
        row: part(cube.axes.row, row0, rows),
        col: part(cube.axes.col, col0, cols),
        spectral: cube.axes.spectral,
      },
      quantity: cube.quantity,
      unit: cube.unit,
      values_HWS: prediction.output_HWO,
    });
    const tree = await task({ ...input, cube: predicted, model: undefined });
    return { positions: positionsOf(prediction), ...tree as object };
  };
}
