import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import type { ByteFile } from "../byte_file.ts";

/** A name with its unit, as in `Current (A)`. */
export interface NanonisQuantity {
  name: string;
  unit: string;
}

export interface NanonisHeader {
  rows: number;
  cols: number;
  points: number;
  /** Centre x, centre y, width, height in metres and angle in degrees. */
  grid: number[];
  sweep: NanonisQuantity;
  /** Numbers stored before the spectra of each point. */
  parameters: NanonisQuantity[];
  channels: NanonisQuantity[];
  /** Bytes of one point: parameters and all channels. */
  pointBytes: number;
  dataOffset: number;
}

const END = ":HEADER_END:";
const MAX_HEADER_BYTES = 2 ** 20;
const MAX_PARAMETERS = 1000;

export function isNanonisGrid(first: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(first.subarray(0, 10)) === 'Grid dim="';
}

/** Parses the text header of a Nanonis grid spectroscopy file. Throws `nanonis_malformed` with what was met. */
export function parseNanonisHeader(file: ByteFile): NanonisHeader {
  const text = new TextDecoder("latin1").decode(file.read(0, MAX_HEADER_BYTES));
  const end = text.indexOf(END);
  if (end < 0) throw nanonisError("found no end of the header");
  const fields = new Map(
    text.slice(0, end).split(/\r?\n/).map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at).trim(), line.slice(at + 1).trim().replace(/^"(.*)"$/, "$1")];
    }),
  );
  const list = (key: string) => (fields.get(key) ?? "").split(";").filter((name) => name !== "").map(quantityOf);
  const whole = (key: string) => wholeNumber(key, fields.get(key));
  const [, cols, rows] = /^(\d{1,6}) x (\d{1,6})$/.exec(fields.get("Grid dim") ?? "") ?? [];
  if (!cols) throw nanonisError(`found grid ${fields.get("Grid dim")}; expected COLUMNS x ROWS`);
  const parameters = [...list("Fixed parameters"), ...list("Experiment parameters")];
  const channels = list("Channels");
  const points = whole("Points");
  const parameterCount = whole("# Parameters (4 byte)");
  const experimentBytes = whole("Experiment size (bytes)");
  if (parameterCount > MAX_PARAMETERS) {
    throw nanonisError(`found ${parameterCount} parameters; expected at most ${MAX_PARAMETERS}`);
  }
  if (channels.length === 0 || experimentBytes !== channels.length * points * 4) {
    const wanted = `${channels.length} channels of ${points} points`;
    throw nanonisError(`found ${experimentBytes} bytes a point; expected ${wanted} of 4 bytes`);
  }
  const newline = /^\r?\n/.exec(text.slice(end + END.length, end + END.length + 2))?.[0].length;
  if (newline === undefined) throw nanonisError("found no new line after the header");
  return {
    rows: Number(rows),
    cols: Number(cols),
    points,
    grid: (fields.get("Grid settings") ?? "").split(";").map(Number),
    sweep: quantityOf(fields.get("Sweep Signal") ?? "step"),
    parameters: parameters.slice(0, parameterCount),
    channels,
    pointBytes: parameterCount * 4 + experimentBytes,
    dataOffset: end + END.length + newline,
  };
}

function quantityOf(text: string): NanonisQuantity {
  const [, name, unit] = /^(.*?)\s*(?:\(([^()]*)\))?$/.exec(text.trim()) ?? [];
  return { name: name || text.trim(), unit: unit ?? "" };
}

function wholeNumber(key: string, text: string | undefined): number {
  const value = Number(text);
  if (text !== undefined && /^\d{1,9}$/.test(text)) return value;
  throw nanonisError(`found ${key}=${text ?? "nothing"}; expected a whole number`);
}

export function nanonisError(problem: string): LoopscopeError {
  return unprocessable("nanonis_malformed", `This Nanonis grid is damaged: ${problem}`);
}
