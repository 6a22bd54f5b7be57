import { LoopscopeError } from "../../base/errors.ts";
import { joinBytes } from "../../base/join_bytes.ts";
import { type DType, type NdArray, ndArray, type NumericArray, sizeOf } from "../../base/nd_array.ts";
import { broken, parseNpyHeader, plainTypeOf } from "./npy_header.ts";
import { getterOf, type ScalarType } from "../scalar_type.ts";

const DESCR: Record<DType, string> = { float32: "<f4", float64: "<f8", int32: "<i4", uint8: "|u1" };
const ALIGNMENT = 64;
const LITTLE_ENDIAN_HOST = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

export interface DecodeNpyOptions {
  /** More elements than this are refused as `too_many_values` before anything is allocated. */
  maxElements?: number;
}

/** An array as an NPY file of version 1.0, C order, little-endian: its head and the array's own bytes, not copied. */
export function npyPieces(array: NdArray): [head: Uint8Array<ArrayBuffer>, data: Uint8Array<ArrayBuffer>] {
  const { buffer, byteOffset, byteLength } = array.data;
  return [npyHead(array), new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)];
}

/** What stands before an array's own bytes. */
export function npyHead(array: Pick<NdArray, "dtype" | "shape">): Uint8Array<ArrayBuffer> {
  const shape = array.shape.length === 1 ? `(${array.shape[0]},)` : `(${array.shape.join(", ")})`;
  const dict = `{'descr': '${DESCR[array.dtype]}', 'fortran_order': False, 'shape': ${shape}, }`;
  const length = Math.ceil((10 + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const head = new Uint8Array(length);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, (length - 10) & 255, (length - 10) >> 8]);
  head.set(new TextEncoder().encode(dict.padEnd(length - 11) + "\n"), 10);
  return head;
}

/** `npyPieces` as one run of bytes. */
export function encodeNpy(array: NdArray): Uint8Array<ArrayBuffer> {
  return joinBytes(npyPieces(array));
}

/**
 * Reads a whole NPY file of real numbers, any byte order, C or Fortran order (returned in C order). float16 comes as
 * float32, small integers and booleans as int32, 32-bit unsigned and 64-bit integers as float64.
 * Throws `npy_malformed` (also for missing or surplus bytes), `complex_values`, `not_numeric`, `structured_values`,
 * `too_many_values`.
 */
export function decodeNpy(bytes: Uint8Array, { maxElements = 2 ** 28 }: DecodeNpyOptions = {}): NdArray {
  const header = parseNpyHeader(bytes);
  const type = plainTypeOf(header);
  const get = getterOf(type);
  const count = sizeOf(header.shape);
  if (count > maxElements) {
    throw new LoopscopeError("tooLarge", "too_many_values", `Found ${count} values; expected at most ${maxElements}`);
  }
  const wanted = header.dataOffset + count * type.bytes;
  if (bytes.length !== wanted) {
    throw broken(`Found ${bytes.length} bytes; expected ${wanted} for shape [${header.shape}]`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.dataOffset, count * type.bytes);
  const data = allocate(type, count);
  if (sameLayout(data, type)) {
    new Uint8Array(data.buffer).set(bytes.subarray(header.dataOffset));
  } else {
    for (let i = 0; i < count; i++) data[i] = get(view, i * type.bytes);
  }
  return ndArray(header.fortranOrder ? toRowMajor(data, header.shape) : data, header.shape);
}

/** From Fortran order (first axis fastest) to C order, any number of dimensions. */
export function toRowMajor<T extends NumericArray>(data: T, shape: readonly number[]): T {
  if (shape.length < 2) return data;
  const out = data.slice() as T;
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, axis) => sizeOf(shape.slice(0, axis)));
  const last = shape.length - 1;
  for (let to = 0, from = 0; to < data.length; to++) {
    out[to] = data[from];
    for (let axis = last; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

function allocate(type: ScalarType, count: number): NumericArray {
  if (type.kind === "float") return type.bytes === 8 ? new Float64Array(count) : new Float32Array(count);
  if (type.kind === "uint" && type.bytes === 1) return new Uint8Array(count);
  const fitsInt32 = type.bytes < 4 || (type.kind === "int" && type.bytes === 4);
  return fitsInt32 ? new Int32Array(count) : new Float64Array(count);
}

function sameLayout(data: NumericArray, type: ScalarType): boolean {
  return LITTLE_ENDIAN_HOST && type.littleEndian && data.BYTES_PER_ELEMENT === type.bytes &&
    (type.kind !== "uint" || type.bytes === 1) && !(type.kind === "int" && type.bytes === 8);
}
