import { sizeOf } from "../../base/nd_array.ts";
import type { ScalarType } from "../scalar_type.ts";
import { zarrError } from "./zarr_error.ts";

export type JsonObject = { [key: string]: unknown };

/** An array of a Zarr hierarchy, version 2 or 3. */
export interface ZarrArray {
  /** Without a slash at either end. */
  path: string;
  shape: number[];
  chunk: number[];
  type: ScalarType;
  /** Column-major inside each chunk. */
  fortran: boolean;
  fill: number;
  /** Names of what was done to a chunk's bytes, in order. */
  codecs: string[];
  /** Name of a chunk's entry behind the array's path. */
  key(index: readonly number[]): string;
  dimensions: string[];
  attributes: JsonObject;
}

/** One chunk is in memory at a time, and its values as floats beside it. */
const MAX_CHUNK_BYTES = 2 ** 28, MOST_CHUNK_VALUES = 2 ** 25;
const MOST_CHUNKS = 2 ** 20, MOST_DIMENSIONS = 16;
const KINDS: Readonly<Record<string, ScalarType["kind"]>> = {
  f: "float",
  i: "int",
  u: "uint",
  c: "complex",
  b: "bool",
};

/** `.zarray` of version 2, with the attributes beside it. Undefined for an array of no plain numbers. */
export function parseZarr2(path: string, json: JsonObject, attributes: JsonObject): ZarrArray | undefined {
  const [, order, kind, bytes] = /^([<>|])([fiucb])(\d+)$/.exec(String(json.dtype)) ?? [];
  if (!kind) return undefined;
  const separator = json.dimension_separator === "/" ? "/" : ".";
  const compressor = objectOf(json.compressor);
  const filters = Array.isArray(json.filters) ? json.filters.map((filter) => String(objectOf(filter).id)) : [];
  const codecs = [...filters, ...(json.compressor ? [String(compressor.id)] : [])];
  return checked({
    ...{ path, codecs, attributes },
    shape: numbersOf(json.shape),
    chunk: numbersOf(json.chunks),
    type: { kind: KINDS[kind], bytes: Number(bytes), littleEndian: order !== ">" },
    fortran: json.order === "F",
    fill: fillOf(json.fill_value),
    key: (index) => index.length === 0 ? "0" : index.join(separator),
    dimensions: textsOf(attributes._ARRAY_DIMENSIONS),
  });
}

/** `zarr.json` of version 3. Undefined for an array of no plain numbers. */
export function parseZarr3(path: string, json: JsonObject): ZarrArray | undefined {
  const [, kind, bits] = /^(float|int|uint|complex|bool)(\d*)$/.exec(String(json.data_type)) ?? [];
  if (!kind) return undefined;
  const grid = objectOf(objectOf(json.chunk_grid).configuration);
  const encoding = objectOf(json.chunk_key_encoding);
  const isDefault = encoding.name !== "v2";
  const separator = String(objectOf(encoding.configuration).separator ?? (isDefault ? "/" : "."));
  const codecs = Array.isArray(json.codecs) ? json.codecs.map(objectOf) : [];
  const endian = objectOf(codecs.find(({ name }) => name === "bytes")?.configuration).endian;
  return checked({
    ...{ path, attributes: objectOf(json.attributes), fortran: false },
    codecs: codecs.map(({ name }) => String(name)).filter((name) => name !== "bytes"),
    shape: numbersOf(json.shape),
    chunk: numbersOf(grid.chunk_shape),
    type: { kind: kind as ScalarType["kind"], bytes: Number(bits || 8) / 8, littleEndian: endian !== "big" },
    fill: fillOf(json.fill_value),
    key: (index) => (isDefault ? ["c", ...index] : index).join(separator),
    dimensions: textsOf(json.dimension_names),
  });
}

function checked(array: ZarrArray): ZarrArray {
  const { path, shape, chunk, type } = array;
  const lengths = [...shape, ...chunk];
  const good = shape.length === chunk.length && shape.length <= MOST_DIMENSIONS &&
    lengths.every((length) => Number.isSafeInteger(length) && length >= 0) && chunk.every((length) => length > 0);
  if (!good) throw zarrError(`shape [${shape}] in chunks of [${chunk}] in ${path}`);
  const chunks = sizeOf(shape.map((length, axis) => Math.ceil(length / chunk[axis])));
  if (chunks > MOST_CHUNKS) throw zarrError(`${chunks} chunks in ${path}; expected at most ${MOST_CHUNKS}`);
  const bytes = sizeOf(chunk) * type.bytes;
  if (bytes > MAX_CHUNK_BYTES) throw zarrError(`chunks of ${bytes} bytes in ${path}; expected ${MAX_CHUNK_BYTES}`);
  if (sizeOf(chunk) > MOST_CHUNK_VALUES) {
    throw zarrError(`chunks of ${sizeOf(chunk)} values in ${path}; expected at most ${MOST_CHUNK_VALUES}`);
  }
  return array;
}

export function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as JsonObject : {};
}

function numbersOf(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [NaN];
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map((each) => typeof each === "string" ? each : "") : [];
}

/** Numbers that JSON does not know stand as text. */
function fillOf(value: unknown): number {
  if (value === "NaN") return NaN;
  if (typeof value === "string") return Number(value);
  return Number(value ?? 0);
}
