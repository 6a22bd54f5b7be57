import { type LoopscopeError, malformed, unprocessable } from "../../base/errors.ts";
import { parsePythonLiteral, type PythonLiteral } from "./python_literal.ts";
import type { ScalarType } from "../scalar_type.ts";

export interface NpyField {
  /** Nested fields are joined by dots: `fit.Amplitude`. */
  name: string;
  type: ScalarType;
  offset: number;
}

export interface NpyHeader {
  shape: number[];
  fortranOrder: boolean;
  /** Bytes of one element, all fields together. */
  itemBytes: number;
  /** Set for a plain array … */
  type?: ScalarType;
  /** … and these for a structured one. */
  fields: NpyField[];
  /** Where the first element lies in the file. */
  dataOffset: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_HEADER_BYTES = 65536;
const MAX_DIMENSIONS = 32;
const KINDS: Record<string, ScalarType["kind"]> = {
  f: "float",
  i: "int",
  u: "uint",
  b: "bool",
  c: "complex",
  S: "string",
  a: "string",
  U: "string",
  O: "object",
  M: "time",
  m: "time",
  V: "void",
};

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/** Whether the elements are Python objects, which are stored pickled. */
export function isPickled(bytes: Uint8Array): boolean {
  return isNpy(bytes) && /'descr'\s*:\s*(?:'\|?O'|\[[^\]]*'\|?O')/.test(new TextDecoder("latin1").decode(bytes));
}

/** Bytes of magic, version and header together, or undefined while fewer than 12 bytes are given. */
function headerExtent(bytes: Uint8Array): { start: number; end: number } {
  if (bytes.length < 12) throw broken(`Found ${bytes.length} bytes; expected at least 12`);
  if (!isNpy(bytes)) throw broken("Found no NPY magic at the start");
  const major = bytes[6];
  if (major < 1 || major > 3) throw broken(`Found format version ${major}; expected 1, 2 or 3`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = major === 1 ? 10 : 12;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    throw broken(`Found a header of ${length} bytes; expected at most ${MAX_HEADER_BYTES}`);
  }
  return { start, end: start + length };
}

/**
 * Parses the header of an NPY file (versions 1 to 3) from its first bytes; 64 KiB and 12 bytes always suffice.
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function parseNpyHeader(bytes: Uint8Array): NpyHeader {
  const { start, end } = headerExtent(bytes);
  if (bytes.length < end) throw broken(`Found ${bytes.length} bytes; expected a header of ${end}`);
  const dict = parseDict(new TextDecoder().decode(bytes.subarray(start, end)));
  const { descr, fortran_order: fortranOrder, shape } = dict;
  if (typeof fortranOrder !== "boolean") throw broken("Found no boolean fortran_order in the header");
  if (!isShape(shape)) {
    throw broken(`Found shape ${JSON.stringify(shape)}; expected up to ${MAX_DIMENSIONS} whole numbers`);
  }
  const { fields, itemBytes } = parseDescr(descr, "", 0);
  const plain = typeof descr === "string";
  const layout = { shape, fortranOrder, itemBytes, dataOffset: end };
  return plain ? { ...layout, type: fields[0].type, fields: [] } : { ...layout, fields };
}

function parseDict(text: string): { [key: string]: PythonLiteral } {
  try {
    const value = parsePythonLiteral(text.trim());
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (cause) {
    throw broken(`The header is no Python dict: ${(cause as Error).message}`);
  }
  throw broken("The header is no Python dict");
}

function isShape(value: PythonLiteral): value is number[] {
  return Array.isArray(value) && value.length <= MAX_DIMENSIONS &&
    value.every((length) => typeof length === "number" && Number.isSafeInteger(length) && length >= 0) &&
    Number.isSafeInteger(value.reduce<number>((product, length) => product * (length as number), 1));
}

function parseDescr(descr: PythonLiteral, prefix: string, offset: number): { fields: NpyField[]; itemBytes: number } {
  if (typeof descr === "string") {
    const type = parseScalar(descr);
    return { fields: [{ name: prefix, type, offset }], itemBytes: type.bytes };
  }
  if (!Array.isArray(descr) || descr.length > 4096) {
    throw broken("Found a dtype that is neither a string nor a field list");
  }
  const fields: NpyField[] = [];
  let itemBytes = 0;
  for (const entry of descr) {
    if (!Array.isArray(entry) || entry.length < 2) throw broken("Found a field that is no (name, dtype) pair");
    const [title, inner, shape = []] = entry;
    const name = String(Array.isArray(title) ? title[1] : title);
    if (!isShape(shape)) throw broken(`Found shape ${JSON.stringify(shape)} in field ${name}`);
    const path = prefix ? `${prefix}.${name}` : name;
    const nested = parseDescr(inner, path, offset + itemBytes);
    const copies = shape.reduce((product, length) => product * length, 1);
    // A field that is itself an array has no single value per pixel; its bytes are stepped over.
    if (copies === 1 && name) fields.push(...nested.fields);
    itemBytes += nested.itemBytes * copies;
    if (!Number.isSafeInteger(itemBytes)) throw broken("Found a dtype of more bytes than can be counted");
  }
  return { fields, itemBytes };
}

function parseScalar(descr: string): ScalarType {
  const match = /^([<>|=])([fiubcSaUOMmV])(\d{0,9})(\[[^\]]*\])?$/.exec(descr);
  if (!match) throw broken(`Found dtype ${JSON.stringify(descr.slice(0, 40))}; expected one such as <f8`);
  const [, order, letter, digits] = match;
  const bytes = letter === "O" ? 8 : Number(digits) * (letter === "U" ? 4 : 1);
  return { kind: KINDS[letter], bytes, littleEndian: order !== ">" };
}

/** A plain numeric type, or a 422 that says what the elements are. */
export function plainTypeOf(header: NpyHeader): ScalarType {
  if (header.type) return header.type;
  const names = header.fields.map((field) => field.name).join(", ");
  throw unprocessable("structured_values", `Values are records of (${names}); expected one plain number each`);
}

export function broken(message: string): LoopscopeError {
  return malformed("npy_malformed", `Not a readable NPY array. ${message}`);
}
