import { unprocessable } from "../base/errors.ts";
import type { ComplexPart } from "../schemas/given.ts";

/** What one element of a binary array is. `string`, `object`, `time` and `void` carry no number to learn from. */
export interface ScalarType {
  kind: "float" | "int" | "uint" | "bool" | "complex" | "string" | "object" | "time" | "void";
  bytes: number;
  littleEndian: boolean;
  /** What is read of a complex number; without it complex numbers cannot be read. */
  part?: ReadPart;
}

/** A part by name, or the projection on the direction (cos, sin). */
export type ReadPart = Exclude<ComplexPart, "projection"> | { readonly cos: number; readonly sin: number };

export type FloatArray = Float32Array | Float64Array;

/** Reads one element at a byte offset as a number. */
type Getter = (view: DataView, at: number) => number;

const GETTERS: Record<string, (little: boolean) => Getter> = {
  float2: (le) => (view, at) => view.getFloat16(at, le),
  float4: (le) => (view, at) => view.getFloat32(at, le),
  float8: (le) => (view, at) => view.getFloat64(at, le),
  int1: () => (view, at) => view.getInt8(at),
  int2: (le) => (view, at) => view.getInt16(at, le),
  int4: (le) => (view, at) => view.getInt32(at, le),
  int8: (le) => (view, at) => Number(view.getBigInt64(at, le)),
  uint1: () => (view, at) => view.getUint8(at),
  uint2: (le) => (view, at) => view.getUint16(at, le),
  uint4: (le) => (view, at) => view.getUint32(at, le),
  uint8: (le) => (view, at) => Number(view.getBigUint64(at, le)),
  bool1: () => (view, at) => (view.getUint8(at) ? 1 : 0),
};

const PARTS: Record<string, (re: number, im: number) => number> = {
  magnitude: Math.hypot,
  phase: (re, im) => Math.atan2(im, re),
  real: (re) => re,
  imaginary: (_, im) => im,
};

function complexGetter({ bytes, littleEndian, part }: ScalarType): Getter | undefined {
  const make = GETTERS[`float${bytes / 2}`];
  if (!make || part === undefined) return undefined;
  const get = make(littleEndian);
  const take = typeof part === "string" ? PARTS[part] : (re: number, im: number) => re * part.cos + im * part.sin;
  return (view, at) => take(get(view, at), get(view, at + bytes / 2));
}

/** Complex numbers of which a part can be read. */
export function isComplex({ kind, bytes }: ScalarType): boolean {
  return kind === "complex" && `float${bytes / 2}` in GETTERS;
}

export function isReal(type: ScalarType): boolean {
  return `${type.kind}${type.bytes}` in GETTERS;
}

/** A name for messages: `float64 (big-endian)`, `complex128`, `string of 8 bytes`. */
export function scalarTypeName(type: ScalarType): string {
  if (type.kind === "string" || type.kind === "void") return `${type.kind} of ${type.bytes} bytes`;
  if (type.kind === "object" || type.kind === "time" || type.kind === "bool") return type.kind;
  return `${type.kind}${type.bytes * 8}${type.littleEndian || type.bytes === 1 ? "" : " (big-endian)"}`;
}

/** How to read elements of this type; throws `not_numeric` or `complex_values` where they are no real numbers. */
export function getterOf(type: ScalarType): Getter {
  const make = GETTERS[`${type.kind}${type.bytes}`];
  if (make) return make(type.littleEndian);
  const complex = type.kind === "complex" ? complexGetter(type) : undefined;
  if (complex) return complex;
  const met = scalarTypeName(type);
  if (type.kind === "complex") {
    throw unprocessable(
      "complex_values",
      `Values are ${met}; expected real numbers: save the real part or the amplitude`,
    );
  }
  throw unprocessable("not_numeric", `Values are ${met}; expected integers or floating-point numbers`);
}

export interface ScalarRun {
  /** Byte offset of the first element and bytes from one to the next. */
  offset: number;
  stride: number;
  count: number;
}

/** Decodes a run of elements into `out` from index `outStart`, `outStride` apart. The caller has checked the bounds. */
export function decodeRun(
  view: DataView,
  type: ScalarType,
  run: ScalarRun,
  out: FloatArray,
  [outStart, outStride]: [start: number, stride: number] = [0, 1],
): void {
  const native = outStride === 1 ? nativeView(view, type, run) : undefined;
  if (native) return out.set(native, outStart);
  const get = getterOf(type);
  let at = run.offset;
  let to = outStart;
  for (let i = 0; i < run.count; i++, at += run.stride, to += outStride) out[to] = get(view, at);
}

const NATIVE = {
  float4: Float32Array,
  float8: Float64Array,
  int1: Int8Array,
  int2: Int16Array,
  int4: Int32Array,
  uint1: Uint8Array,
  uint2: Uint16Array,
  uint4: Uint32Array,
};
const LITTLE_ENDIAN_HOST = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** The run as a typed array where it lies in memory as one does: much quicker than element by element. */
function nativeView(view: DataView, { kind, bytes, littleEndian }: ScalarType, { offset, stride, count }: ScalarRun) {
  const start = view.byteOffset + offset;
  if (stride !== bytes || start % bytes !== 0 || !(littleEndian || bytes === 1) || !LITTLE_ENDIAN_HOST) {
    return undefined;
  }
  const make = NATIVE[`${kind}${bytes}` as keyof typeof NATIVE];
  return make && new make(view.buffer as ArrayBuffer, start, count);
}
