import { isNdArray, type NdArray, ndArray, type ResultTree } from "../../lib/base/nd_array.ts";

/** All arrays of a result by dotted path; lists of numbers count as arrays. */
export function arraysOf(value: ResultTree, path = ""): [path: string, array: NdArray][] {
  if (isNdArray(value)) return [[path || "values", value]];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === "number")) {
    return [[path || "values", ndArray(Float64Array.from(value as number[]), [value.length])]];
  }
  return Object.entries(value).flatMap(([key, entry]) => arraysOf(entry, path ? `${path}.${key}` : key));
}
