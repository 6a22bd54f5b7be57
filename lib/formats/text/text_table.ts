import { unprocessable } from "../../base/errors.ts";
import { displayName } from "../display_name.ts";
import { textLines } from "./text_lines.ts";
import type { ByteFile } from "../byte_file.ts";

/** A table of numbers, column by column, and what its header says. */
export interface TextTable {
  /** One for each column; empty without a header. */
  names: string[];
  rows: number;
  /** rows x columns; NaN for an empty cell or a word for nothing. */
  values: Float64Array;
  columns: number;
  /** Lines of comments before the numbers, without their mark. */
  comments: string[];
}

const COMMENT = /^\s*(#|%|\/\/)/;
const NOTHING = /^(nan|na|n\/a|null|none|-|--)?$/i;
const MAX_NUMBERS = 2 ** 27;
const MOST_COMMENTS = 100;

/**
 * Reads a table of numbers: separated by tabs, semicolons, commas or blanks, with or without a header line; comments begin
 * with #, % or //. With semicolons or tabs a decimal comma is read as well. Returns undefined where the text is no table; throws
 * `text_malformed` naming the line.
 */
export function readTextTable(file: ByteFile, encoding: string): TextTable | undefined {
  const comments: string[] = [];
  let names: string[] | undefined;
  let separator: RegExp | undefined;
  let columns = 0, rows = 0, line = 0;
  let values = new Float64Array(1024);
  for (const text of textLines(file, encoding)) {
    line++;
    if (text === undefined) return undefined;
    if (COMMENT.test(text)) {
      if (comments.length < MOST_COMMENTS && rows === 0) comments.push(text.replace(COMMENT, "").trim());
      continue;
    }
    if (text.trim() === "") continue;
    separator ??= separatorOf(text);
    const cells = cellsOf(text, separator);
    if (columns === 0 && names === undefined && !isNumeric(cells, separator)) {
      names = cells;
      continue;
    }
    if (columns === 0) {
      if (cells.length < 3 || !isNumeric(cells, separator)) return undefined;
      columns = cells.length;
    }
    if (cells.length !== columns) {
      throw malformed(`Line ${line} has ${cells.length} cells; expected ${columns}, as the lines before`);
    }
    if ((rows + 1) * columns > MAX_NUMBERS) throw malformed(`There are more than ${MAX_NUMBERS} numbers`);
    if ((rows + 1) * columns > values.length) {
      const larger = new Float64Array(Math.min(MAX_NUMBERS, 2 * Math.max(values.length, columns)));
      larger.set(values);
      values = larger;
    }
    for (let c = 0; c < columns; c++) {
      const value = numberOf(cells[c], separator);
      if (value === undefined) {
        throw malformed(
          `Line ${line}, column ${c + 1} is ${JSON.stringify(displayName(cells[c].slice(0, 40)))}; expected a number`,
        );
      }
      values[rows * columns + c] = value;
    }
    rows++;
  }
  if (rows === 0) return undefined;
  const fitting = names?.length === columns ? names : [];
  return { names: fitting, rows, columns, values: values.subarray(0, rows * columns), comments };
}

function separatorOf(text: string): RegExp {
  if (text.includes("\t")) return /\t/;
  if (text.includes(";")) return /;/;
  if (text.includes(",")) return /,/;
  return /\s+/;
}

function cellsOf(text: string, separator: RegExp): string[] {
  const cells = (separator.source === "\\s+" ? text.trim() : text).split(separator)
    .map((cell) => cell.trim().replace(/^"(.*)"$/, "$1").trim());
  // A separator at the end of each line makes no column.
  if (cells.length > 3 && cells.at(-1) === "") cells.pop();
  return cells;
}

function isNumeric(cells: readonly string[], separator: RegExp): boolean {
  const numbers = cells.map((cell) => numberOf(cell, separator));
  return numbers.every((value) => value !== undefined) && numbers.some((value) => Number.isFinite(value));
}

/** undefined for what is no number; NaN for nothing. */
function numberOf(cell: string, separator: RegExp): number | undefined {
  if (NOTHING.test(cell)) return NaN;
  const text = separator.source === "," || !/^[-+]?[0-9.]*,[0-9]+(e[-+]?[0-9]+)?$/i.test(cell)
    ? cell
    : cell.replaceAll(".", "").replace(",", ".");
  if (!/^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?$/i.test(text)) return undefined;
  return Number(text);
}

export function malformed(message: string) {
  return unprocessable("text_malformed", `Not a readable table. ${message}`);
}
