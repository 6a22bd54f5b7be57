import { LoopscopeError } from "../../lib/base/errors.ts";
import { isNdArray, type NdArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { arraysOf } from "./arrays_of.ts";

type Tree = Record<string, ResultTree>;
type Cell = string | number;

interface Table {
  header: string[];
  rows: number;
  /** The cells of one row. */
  row(index: number): Cell[];
}

const ROWS_PER_PIECE = 512;

/**
 * A result as CSV (RFC 4180) with a header: a spectrum as axis and value, points as they are, maps on the cube's grid as row,
 * column and one column for each map. What is not a number is empty. Throws `not_a_table` (406) where the result is none of these.
 */
export function* csvPieces(value: ResultTree, grid?: readonly [rows: number, cols: number]): Generator<string> {
  const table = tableOf(value, grid);
  yield lineOf(table.header);
  for (let start = 0; start < table.rows; start += ROWS_PER_PIECE) {
    let piece = "";
    for (let i = start; i < Math.min(table.rows, start + ROWS_PER_PIECE); i++) piece += lineOf(table.row(i));
    yield piece;
  }
}

function tableOf(value: ResultTree, grid?: readonly [number, number]): Table {
  const maps = (tree: Tree) => grid && mapsTable(tree, grid);
  const table = isTree(value) ? pointsTable(value) ?? spectrumTable(value) ?? maps(value) : undefined;
  if (table) return table;
  const message = "Received Accept: text/csv for a result that is not one table; expected application/json";
  throw new LoopscopeError("notAcceptable", "not_a_table", message);
}

function pointsTable({ points }: Tree): Table | undefined {
  if (!Array.isArray(points) || !points.every(isTree)) return undefined;
  const header = Object.keys(points[0] ?? {});
  return { header, rows: points.length, row: (i) => header.map((name) => cellOf((points[i] as Tree)[name])) };
}

/** Steps of the axis with what was measured, and predicted, at each. */
function spectrumTable({ axis, ...rest }: Tree): Table | undefined {
  if (!isTree(axis) || !Array.isArray(axis.values)) return undefined;
  const steps = axis.values;
  const curves = CURVES.flatMap((name) => {
    const curve = rest[name];
    return isNdArray(curve) && curve.shape.length === 1 && curve.data.length === steps.length ? [{ name, curve }] : [];
  });
  if (curves.length === 0) return undefined;
  const titleOf = (name: string) => name === "values" ? withUnit(rest.quantity || "value", rest.unit) : name;
  const header = [withUnit(axis.name || "axis", axis.unit), ...curves.map(({ name }) => titleOf(name))];
  return {
    header,
    rows: steps.length,
    row: (i) => [cellOf(steps[i]), ...curves.map(({ curve }) => numberOf(curve, i))],
  };
}

const CURVES = ["values", "measured", "predicted", "spread"];

function mapsTable(value: Tree, [rows, cols]: readonly [number, number]): Table | undefined {
  const maps = arraysOf(value).filter(([, { shape }]) => shape.length === 2 && shape[0] === rows && shape[1] === cols);
  if (maps.length === 0) return undefined;
  const units = isTree(value.units) ? value.units : {};
  const unitOf = (path: string) => path === "values" ? value.unit : units[path.split(".").at(-1)!];
  return {
    header: ["row", "col", ...maps.map(([path]) => withUnit(path, unitOf(path)))],
    rows: rows * cols,
    row: (i) => [Math.floor(i / cols), i % cols, ...maps.map(([, map]) => numberOf(map, i))],
  };
}

function isTree(value: ResultTree): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isNdArray(value);
}

function withUnit(name: ResultTree, unit: ResultTree): string {
  return unit ? `${name} (${unit})` : String(name);
}

/** float32 with the 9 digits that restore it exactly. */
function numberOf({ data, dtype }: NdArray, index: number): Cell {
  const value = data[index];
  if (!Number.isFinite(value)) return "";
  return dtype === "float32" ? +value.toPrecision(9) : value;
}

function cellOf(value: ResultTree): Cell {
  if (typeof value === "number") return Number.isFinite(value) ? value : "";
  return typeof value === "string" ? value : "";
}

/** A text that a spreadsheet would run as a formula is kept from it by an apostrophe. */
function lineOf(cells: Cell[]): string {
  const texts = cells.map((cell) => {
    if (typeof cell === "number") return String(cell);
    const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return texts.join(",") + "\r\n";
}
