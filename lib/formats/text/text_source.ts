import type { Axis } from "../../schemas/cube.ts";
import { unprocessable } from "../../base/errors.ts";
import { axisFrom } from "../axes.ts";
import type { ByteFile } from "../byte_file.ts";
import { checkCubeShape } from "../cube_shape.ts";
import type { CubeSource, CubeView, FormatLimits } from "../cube_source.ts";
import { displayName } from "../display_name.ts";
import { encodingOf } from "./text_lines.ts";
import { malformed, readTextTable, type TextTable } from "./text_table.ts";

const HEAD_BYTES = 65536;
const X = /^(x|cols?|columns?|j)\b/i, Y = /^(y|rows?|lines?|i)\b/i;

/** A cube in memory, from a table. */
interface TableCube {
  shape: [rows: number, cols: number, points: number];
  row: Axis;
  col: Axis;
  spectral: Axis;
  quantity: string;
  unit: string;
  values: Float32Array;
  notes: string[];
  warnings: string[];
}

/**
 * A text table as a cube: one line a pixel with x, y and the spectrum, whose axis is in the header; or one line a value with
 * x, y, the axis' value and the value. Lines may come in any order; pixels without a line are NaN. Returns undefined where
 * the text is no such table.
 */
export function openTextSource(file: ByteFile, limits: FormatLimits): CubeSource | undefined {
  const table = readTextTable(file, encodingOf(file.read(0, HEAD_BYTES)));
  if (!table) return undefined;
  const cube = isLong(table) ? fromLong(table, limits) : fromWide(table, limits);
  const { shape, quantity, unit } = cube;
  return {
    format: "text",
    candidates: [{ dataset: "", shape, quantity, unit }],
    images: [],
    open: ({ dataset = "" } = {}) => {
      if (dataset === "") return viewOf(cube);
      throw unprocessable("dataset_missing", `The file has no dataset ${displayName(dataset)}, it is one table`);
    },
    close: () => file.close(),
  };
}

function viewOf({ shape, row, col, spectral, quantity, unit, values, notes, warnings }: TableCube): CubeView {
  const perRow = shape[1] * shape[2];
  return {
    ...{ format: "text", dataset: "", shape, quantity, unit, notes, warnings },
    axes: { row, col, spectral },
    slabRows: shape[0],
    readRows: (row0, rows) => values.slice(row0 * perRow, (row0 + rows) * perRow),
    maps: () => [],
  };
}

/** Four columns, of which the third repeats for each place. */
function isLong({ columns, rows, values, names }: TextTable): boolean {
  if (columns !== 4 || names.slice(2).some((name) => headerNumber(name) !== undefined)) return false;
  const places = new Set<string>();
  for (let n = 0; n < rows; n++) places.add(`${values[4 * n]} ${values[4 * n + 1]}`);
  return places.size < rows;
}

/** `name (unit)`, `name [unit]`, `name / unit` or `name`. */
function nameAndUnit(text: string): { name: string; unit: string } {
  const match = /^(.*?)\s*(?:\(([^()]*)\)|\[([^\]]*)\]|\/\s*(\S+))\s*$/.exec(text);
  return match
    ? { name: displayName(match[1]), unit: displayName(match[2] ?? match[3] ?? match[4] ?? "") }
    : { name: displayName(text), unit: "" };
}

/** Which of the first two columns is x and which y: by their names, else x first. */
function places({ names }: TextTable): { x: number; y: number } {
  const swapped = Y.test(names[0] ?? "") && X.test(names[1] ?? "");
  return swapped ? { x: 1, y: 0 } : { x: 0, y: 1 };
}

function fromWide(table: TextTable, limits: FormatLimits): TableCube {
  const { columns, rows, values, names } = table;
  const points = columns - 2;
  const { x, y } = places(table);
  const [xs, ys] = [gridOf(table, x), gridOf(table, y)];
  const shape: TableCube["shape"] = [ys.values.length, xs.values.length, points];
  checkCubeShape(shape, limits);
  const cube = emptyCube(table, shape, { x, y }, { xs: xs.values, ys: ys.values });
  const seen = new Uint8Array(shape[0] * shape[1]);
  for (let n = 0; n < rows; n++) {
    const pixel = ys.index(values[n * columns + y]) * shape[1] + xs.index(values[n * columns + x]);
    if (seen[pixel]++) throw malformed(`Two lines have x ${values[n * columns + x]} and y ${values[n * columns + y]}`);
    for (let s = 0; s < points; s++) cube.values[pixel * points + s] = values[n * columns + 2 + s];
  }
  noteMissing(cube, seen);
  const header = names.slice(2).map(headerNumber);
  if (names.length > 0 && header.every((cell) => cell !== undefined)) {
    const unit = header.find(({ unit }) => unit)?.unit ?? "";
    cube.spectral = { name: "", unit, values: header.map(({ value }) => value) };
  }
  // "# bias (V)": a comment of one short phrase with a unit names the axis.
  const said = table.comments.map(nameAndUnit).find(({ name, unit }) => unit && name && name.length <= 40);
  if (said) cube.spectral = { ...cube.spectral, name: said.name, unit: cube.spectral.unit || said.unit };
  if (!cube.spectral.name) cube.spectral = { ...cube.spectral, name: "step" };
  if (names.length === 0 || !header.every((cell) => cell !== undefined)) {
    cube.warnings.push("The header has no number for each spectral step: steps are counted from 0 (give axis)");
  }
  return cube;
}

/** `-8`, `-8 V`, `-8.5 (V)`. */
function headerNumber(text: string): { value: number; unit: string } | undefined {
  const match = /^([-+]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:e[-+]?[0-9]+)?)\s*[([]?\s*([^\s()[\]]{0,20})\s*[)\]]?$/i
    .exec(text);
  if (!match) return undefined;
  const value = Number(match[1].replace(",", "."));
  return Number.isFinite(value) ? { value, unit: displayName(match[2]) } : undefined;
}

function fromLong(table: TextTable, limits: FormatLimits): TableCube {
  const { rows, values, names } = table;
  const { x, y } = places(table);
  const [xs, ys] = [gridOf(table, x), gridOf(table, y)];
  // A sweep may pass a value twice: steps are counted within each place, in the order of its lines.
  const pixels = new Int32Array(rows), steps = new Int32Array(rows);
  const counts = new Map<number, number>();
  for (let n = 0; n < rows; n++) {
    pixels[n] = ys.index(values[4 * n + y]) * xs.values.length + xs.index(values[4 * n + x]);
    steps[n] = counts.get(pixels[n]) ?? 0;
    counts.set(pixels[n], steps[n] + 1);
  }
  const points = Math.max(...counts.values());
  const uneven = [...counts].find(([, count]) => count !== points);
  if (uneven) {
    const [pixel, count] = uneven;
    const place = `x ${xs.values[pixel % xs.values.length]}, y ${ys.values[Math.floor(pixel / xs.values.length)]}`;
    throw malformed(`The place at ${place} has ${count} lines; expected ${points}, as the others`);
  }
  const shape: TableCube["shape"] = [ys.values.length, xs.values.length, points];
  checkCubeShape(shape, limits);
  const cube = emptyCube(table, shape, { x, y }, { xs: xs.values, ys: ys.values });
  const axis = new Array<number>(points);
  const seen = new Uint8Array(shape[0] * shape[1]);
  for (let n = 0; n < rows; n++) {
    axis[steps[n]] ??= values[4 * n + 2];
    if (Math.abs(axis[steps[n]] - values[4 * n + 2]) > 1e-6 * Math.max(Math.abs(axis[steps[n]]), 1e-12)) {
      throw malformed(
        `Step ${steps[n]} is at ${axis[steps[n]]} and at ${values[4 * n + 2]}; expected one axis for all places`,
      );
    }
    seen[pixels[n]] = 1;
    cube.values[pixels[n] * points + steps[n]] = values[4 * n + 3];
  }
  noteMissing(cube, seen);
  const [named, measured] = [nameAndUnit(names[2] ?? ""), nameAndUnit(names[3] ?? "")];
  cube.spectral = axisFrom({ ...named, values: axis }, "step", points, cube.notes);
  return { ...cube, quantity: measured.name, unit: measured.unit };
}

function emptyCube(
  { names }: TextTable,
  shape: TableCube["shape"],
  { x, y }: { x: number; y: number },
  { xs, ys }: { xs: number[]; ys: number[] },
): TableCube {
  const notes: string[] = [];
  const side = (column: number, fallback: string, values: number[]) =>
    axisFrom({ ...nameAndUnit(names[column] ?? ""), values }, fallback, values.length, notes);
  return {
    ...{ shape, notes, warnings: [], quantity: "", unit: "" },
    row: side(y, "y", ys),
    col: side(x, "x", xs),
    spectral: axisFrom({}, "step", shape[2], notes),
    values: new Float32Array(shape[0] * shape[1] * shape[2]).fill(NaN),
  };
}

function noteMissing({ notes, shape }: TableCube, seen: Uint8Array): void {
  const there = seen.reduce((sum, count) => sum + Math.min(1, count), 0);
  if (2 * there < seen.length) {
    throw malformed(
      `The lines are ${there} places of a grid of ${shape[0]} x ${shape[1]}; expected more than half of it`,
    );
  }
  if (there < seen.length) notes.push(`${seen.length - there} of ${seen.length} pixels have no line`);
}

/** The different values of a column, ascending; values closer than a thousandth of their spacing are one. */
function gridOf(
  { rows, columns, values }: TextTable,
  column: number,
): { values: number[]; index(value: number): number } {
  const sorted = Float64Array.from({ length: rows }, (_, n) => values[n * columns + column]).sort();
  if (!sorted.every(Number.isFinite)) {
    throw malformed(`Column ${column + 1} has an empty cell; expected a place in every line`);
  }
  const extent = sorted[rows - 1] - sorted[0];
  const places: number[] = [];
  for (const value of sorted) if (places.length === 0 || value - places.at(-1)! > 1e-7 * extent) places.push(value);
  const index = (value: number) => {
    let [low, high] = [0, places.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (places[middle] <= value + 1e-9 * extent) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  return { values: places, index };
}
