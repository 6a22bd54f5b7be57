import { isNdArray, type NdArray, ndArray, type ResultTree } from "../../../base/nd_array.ts";
import type { Axis } from "../../../cube/cube.ts";
import { arrayPlan, type AttributeValue, type DatasetPlan, type GroupPlan, linkName } from "./hdf5_plan.ts";

/** What a file says of the result in it. */
export interface ResultOrigin {
  /** Model, version, cube, parameters and so on: attributes of the root. */
  attributes: Readonly<Record<string, AttributeValue>>;
  /** Of the cube: scales of the maps, and of what has one value for each spectral step. */
  axes?: { row: Axis; col: Axis; spectral: Axis };
}

type Scales = Record<"row" | "col" | "spectral", DatasetPlan>;
type Members = Record<string, GroupPlan | DatasetPlan>;

/**
 * A result as an HDF5 file: objects are groups, arrays datasets, and texts and numbers attributes. A list of objects with
 * the same numbers becomes a dataset for each number, one of other objects a group for each, what is left JSON. `units`
 * and `unit` stand at the datasets too, and the cube's axes under `/axes` as dimension scales.
 */
export function resultPlan(value: ResultTree, { attributes, axes }: ResultOrigin): GroupPlan {
  const scales = axes && Object.fromEntries(
    Object.entries(axes).map(([role, { name, unit, values }]) => {
      const about = { attributes: { long_name: name, units: unit }, scaleName: role };
      return [role, arrayPlan(ndArray(Float64Array.from(values), [values.length]), about)];
    }),
  ) as Scales | undefined;
  const tree = isGroupTree(value) ? value : { values: value };
  const { attributes: own, members } = groupPlan(tree, scales);
  return {
    attributes: { ...own, ...attributes },
    members: { ...members, ...(scales ? { axes: { members: scales } } : {}) },
  };
}

function groupPlan(tree: Record<string, ResultTree>, scales: Scales | undefined): GroupPlan {
  const attributes: Record<string, AttributeValue> = {};
  const members: Members = {};
  for (const [key, value] of Object.entries(tree)) {
    const name = linkName(key);
    const array = arrayOf(value);
    if (value === undefined || value === null) continue;
    if (array) members[name] = arrayPlan(array, { attributes: unitsOf(tree, key), scales: scalesOf(array, scales) });
    else if (isGroupTree(value)) members[name] = groupPlan(value, scales);
    else if (Array.isArray(value)) {
      const columns = columnsOf(value);
      if (columns) members[name] = groupPlan(columns, undefined);
      else if (value.some((item) => typeof item === "object")) {
        members[name] = groupPlan(Object.fromEntries(value.entries()), scales);
      } else attributes[name] = JSON.stringify(value);
    } else attributes[name] = value as string | number | boolean;
  }
  return { attributes, members };
}

function isGroupTree(value: ResultTree): value is Record<string, ResultTree> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isNdArray(value);
}

function arrayOf(value: ResultTree): NdArray | undefined {
  if (isNdArray(value)) return value;
  if (!Array.isArray(value) || value.length === 0 || !value.every((item) => typeof item === "number")) return undefined;
  return ndArray(Float64Array.from(value as number[]), [value.length]);
}

/** `[{row: 1, col: 2}, …]` as `{row: [1, …], col: [2, …]}`; undefined where the objects are not alike. */
function columnsOf(list: ResultTree[]): Record<string, ResultTree> | undefined {
  const [first] = list;
  if (!list.every(isGroupTree) || !isGroupTree(first)) return undefined;
  const names = Object.keys(first);
  const alike = list.every((item) => {
    const record = item as Record<string, ResultTree>;
    return Object.keys(record).length === names.length && names.every((name) => typeof record[name] === "number");
  });
  if (!alike) return undefined;
  return Object.fromEntries(names.map((name) => [name, list.map((item) => (item as Record<string, number>)[name])]));
}

function unitsOf(tree: Record<string, ResultTree>, key: string): Record<string, string> {
  const { units, unit, quantity } = tree;
  const listed = isGroupTree(units) ? units[key] : undefined;
  const own = key === "values" ? { units: unit, quantity } : {};
  const all = { ...own, ...(listed === undefined ? {} : { units: listed }) };
  return Object.fromEntries(Object.entries(all).filter(([, text]) => typeof text === "string")) as Record<
    string,
    string
  >;
}

/** Rows and columns of the first two axes that match the map, the spectral axis of a last one that matches. */
function scalesOf({ shape }: NdArray, scales: Scales | undefined): DatasetPlan["scales"] {
  if (!scales) return undefined;
  const [rows, cols, points] = [scales.row, scales.col, scales.spectral].map((scale) => scale.shape[0]);
  const at = shape.findIndex((length, i) => length === rows && shape[i + 1] === cols);
  const found = shape.map((length, i) => {
    if (at >= 0 && i === at) return scales.row;
    if (at >= 0 && i === at + 1) return scales.col;
    return length === points && i === shape.length - 1 ? scales.spectral : undefined;
  });
  return found.some((scale) => scale) ? found : undefined;
}
