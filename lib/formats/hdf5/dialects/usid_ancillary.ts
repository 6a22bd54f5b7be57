import { displayName } from "../../display_name.ts";
import { smallNumbers } from "../hdf5_array.ts";
import { attributeReferences, attributeTexts } from "../hdf5_attributes.ts";
import type { Hdf5Context } from "../hdf5_dialect.ts";
import type { Hdf5Dataset } from "../hdf5_file.ts";
import type { FloatArray } from "../../scalar_type.ts";

/** One dimension of the positions or of the spectroscopic steps, as the ancillary datasets describe it. */
export interface UsidDimension {
  name: string;
  unit: string;
  /** One value for each place along it, in the order of the indices. */
  values: number[];
  /** For each position (or step) of the main dataset its place along this dimension. */
  places: Int32Array;
  /** How often the place changes from one position to the next: the fastest axis changes most. */
  changes: number;
}

/** A main dataset with its ancillaries. */
export interface UsidMain {
  dataset: Hdf5Dataset;
  positions: UsidDimension[];
  steps: UsidDimension[];
}

/**
 * Reads the dimensions that a main dataset refers to, positions (`kind` Position, N x D) or steps (Spectroscopic, D x M);
 * undefined where a reference, an array or its size is not what it should be. `count` is N or M.
 */
export function readUsidDimensions(
  context: Hdf5Context,
  mainPath: string,
  kind: "Position" | "Spectroscopic",
  count: number,
): UsidDimension[] | undefined {
  const { file } = context;
  const [indices, values] = ["Indices", "Values"].map((what) => {
    const path = attributeReferences(file, mainPath, `${kind}_${what}`)[0];
    return path === undefined ? undefined : context.datasets.get(path);
  });
  if (!indices || !values || indices.shape.length !== 2 || indices.shape.join() !== values.shape.join()) {
    return undefined;
  }
  const [first, second] = indices.shape;
  const [dimensions, length] = kind === "Position" ? [second, first] : [first, second];
  const index = smallNumbers(file, indices);
  const value = smallNumbers(file, values);
  if (length !== count || !index || !value || dimensions > 32) return undefined;
  const texts = (name: string) =>
    attributeTexts(file, indices.path, name) ?? attributeTexts(file, values.path, name) ?? [];
  const [labels, units] = [texts("labels"), texts("units")];
  const [start, stride] = kind === "Position" ? [1, dimensions] : [length, 1];
  return Array.from({ length: dimensions }, (_, d) => {
    const at = (array: FloatArray) => Float64Array.from({ length }, (_, i) => array[d * start + i * stride]);
    const names = { name: displayName(labels[d] ?? "") || `dimension ${d}`, unit: displayName(units[d] ?? "") };
    return { ...names, ...placesOf(at(index), at(value)) };
  });
}

/** Indices need not start at 0, be complete or run in order: places are their ranks. */
function placesOf(index: Float64Array, value: Float64Array): Pick<UsidDimension, "values" | "places" | "changes"> {
  const sorted = Float64Array.from(new Set(index)).sort();
  const rank = new Map(Array.from(sorted, (met, i) => [met, i]));
  const places = Int32Array.from(index, (met) => rank.get(met) ?? 0);
  const values = new Array<number>(sorted.length);
  let changes = 0;
  for (let i = places.length - 1; i >= 0; i--) {
    values[places[i]] = value[i];
    if (i > 0 && places[i] !== places[i - 1]) changes++;
  }
  return { values, places, changes };
}
