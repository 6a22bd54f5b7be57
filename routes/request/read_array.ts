import { LoopscopeError, unprocessable } from "../../lib/base/errors.ts";
import { type DType, type NdArray, ndArray, sizeOf } from "../../lib/base/nd_array.ts";
import { show } from "./validate.ts";

const MAX_AXES = 4;
const MAX_ELEMENTS = 2 ** 20;
const ARRAY_OF: Record<DType, (length: number) => NdArray["data"]> = {
  float32: (length) => new Float32Array(length),
  float64: (length) => new Float64Array(length),
  int32: (length) => new Int32Array(length),
  uint8: (length) => new Uint8Array(length),
};

/**
 * An array of a JSON request: `{dtype?, shape, data}` or nested lists of equal length. Numbers must be finite and,
 * where a dtype is named, be representable in it; null is a missing value (NaN). Throws `invalid_array` with the path
 * of the fault, such as `inputs[3][2]`.
 */
export function readArray(value: unknown, path: string): NdArray {
  if (Array.isArray(value)) return readNested(value, path);
  if (typeof value === "object" && value !== null) return readFlat(value as Record<string, unknown>, path);
  throw fault(path, show(value), "nested lists of numbers or {dtype, shape, data}");
}

function readFlat(value: Record<string, unknown>, path: string): NdArray {
  const { dtype = "float64", shape, data } = value;
  const make = typeof dtype === "string" && Object.hasOwn(ARRAY_OF, dtype) ? ARRAY_OF[dtype as DType] : undefined;
  if (!make) throw fault(`${path}.dtype`, show(dtype), `one of ${Object.keys(ARRAY_OF).join(", ")}`);
  if (!isShape(shape)) throw fault(`${path}.shape`, show(shape), `1 to ${MAX_AXES} whole numbers from 1`);
  if (!Array.isArray(data)) throw fault(`${path}.data`, show(data), "a list of numbers");
  const size = sizeOf(shape);
  if (data.length !== size) throw fault(`${path}.data`, `${data.length} values`, `${size} for shape [${shape}]`);
  const out = make(size);
  for (let i = 0; i < size; i++) {
    const value = readNumber(data[i], () => `${path}.data`, i);
    out[i] = value;
    if (!holds(out, i, value)) throw fault(`${path}.data[${i}]`, show(data[i]), `a number that ${dtype} holds`);
  }
  return ndArray(out, shape);
}

/** Whether `out[i]` still holds the value: an integer within range, or a float rounded to a finite one. */
function holds(out: NdArray["data"], i: number, value: number): boolean {
  if (out instanceof Float32Array || out instanceof Float64Array) return Number.isNaN(value) || Number.isFinite(out[i]);
  return out[i] === value;
}

function isShape(shape: unknown): shape is number[] {
  return Array.isArray(shape) && shape.length >= 1 && shape.length <= MAX_AXES &&
    shape.every((length) => Number.isInteger(length) && length >= 1) && sizeOf(shape) <= MAX_ELEMENTS;
}

function readNested(value: unknown[], path: string): NdArray {
  const shape = shapeOfNested(value, path);
  const size = sizeOf(shape);
  if (size > MAX_ELEMENTS) throw fault(path, `${size} values`, `at most ${MAX_ELEMENTS}`);
  const out = new Float64Array(size);
  let at = 0;
  const walk = (list: unknown, axis: number, where: () => string) => {
    if (!Array.isArray(list)) throw fault(where(), show(list), `a list of ${shape[axis]}`);
    if (list.length !== shape[axis]) {
      throw fault(where(), `${list.length} entries`, `${shape[axis]} as in ${path}${"[0]".repeat(axis)}`);
    }
    if (axis === shape.length - 1) {
      for (let i = 0; i < list.length; i++) out[at++] = readNumber(list[i], where, i);
    } else {
      for (let i = 0; i < list.length; i++) walk(list[i], axis + 1, () => `${where()}[${i}]`);
    }
  };
  walk(value, 0, () => path);
  return ndArray(out, shape);
}

/** The shape, from the first entry of each level. */
function shapeOfNested(value: unknown[], path: string): number[] {
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (level.length === 0) throw fault(path, "an empty list", "at least one number");
    if (shape.length > MAX_AXES) throw fault(path, `more than ${MAX_AXES} levels of lists`, `at most ${MAX_AXES}`);
  }
  return shape;
}

function readNumber(value: unknown, list: () => string, index: number): number {
  if (value === null) return NaN;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw fault(`${list()}[${index}]`, show(value), "a finite number or null");
}

function fault(path: string, received: string, expected: string): LoopscopeError {
  const message = `received ${received}; expected ${expected}`;
  return unprocessable("invalid_array", `Invalid array: ${path}: ${message}`, { issues: [{ path, message }] });
}
