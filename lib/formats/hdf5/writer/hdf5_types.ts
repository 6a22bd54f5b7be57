import type { DType } from "../../../base/nd_array.ts";
import { LittleEndian, utf8 } from "./little_endian.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Encodings of datatypes and dataspaces. Source: HDF5 File Format Specification 3.0, IV.A.2.b and d. */
const [FIXED_POINT, FLOAT, STRING, COMPOUND, REFERENCE, ENUMERATION, VARIABLE] = [0, 1, 3, 6, 7, 8, 9];
const SIGNED = 8;
const IMPLIED_BIT = 0x20;

export const ELEMENT_BYTES: Record<DType, number> = { float32: 4, float64: 8, int32: 4, uint8: 1 };

export function numberType(dtype: DType): Bytes {
  if (dtype === "float32") return float(4, [23, 8, 0, 23], 127);
  if (dtype === "float64") return float(8, [52, 11, 0, 52], 1023);
  const bytes = ELEMENT_BYTES[dtype];
  return head(FIXED_POINT, [dtype === "int32" ? SIGNED : 0], bytes).uint(0, 2).uint(8 * bytes, 2).toBytes();
}

function float(bytes: number, places: readonly number[], bias: number): Bytes {
  return head(FLOAT, [IMPLIED_BIT, 8 * bytes - 1], bytes).uint(0, 2).uint(8 * bytes, 2).add(places).uint(bias, 4)
    .toBytes();
}

/** One byte, FALSE or TRUE. */
export function booleanType(): Bytes {
  const base = head(FIXED_POINT, [SIGNED], 1).uint(0, 2).uint(8, 2).toBytes();
  return head(ENUMERATION, [2], 1, 3).add(base).add(utf8("FALSE\0TRUE\0")).add([0, 1]).toBytes();
}

/** A text of so many bytes, the closing zero included. */
export function fixedText(bytes: number): Bytes {
  return head(STRING, [], bytes).toBytes();
}

/** Elements of 16 bytes: length, and place in the global heap. */
export function variableText(): Bytes {
  const [isText, utf8] = [1, 1];
  return head(VARIABLE, [isText, utf8], 16).add(numberType("uint8")).toBytes();
}

export function objectReference(): Bytes {
  return head(REFERENCE, [], 8).toBytes();
}

export function referenceList(): Bytes {
  return head(VARIABLE, [], 16).add(objectReference()).toBytes();
}

/** Elements of `REFERENCE_LIST`: which dataset a scale belongs to, and which axis of it. */
export function scaleUse(): Bytes {
  const members: [string, number, Bytes][] = [["dataset", 0, objectReference()], ["dimension", 8, numberType("int32")]];
  const out = head(COMPOUND, [members.length], 12, 3);
  for (const [name, offset, type] of members) out.add(utf8(name)).uint(0, 1).uint(offset, 1).add(type);
  return out.toBytes();
}

/** No dimensions: one element. */
export function dataspace(shape: readonly number[]): Bytes {
  const out = new LittleEndian().add([2, shape.length, 0, shape.length === 0 ? 0 : 1]);
  for (const length of shape) out.uint(length, 8);
  return out.toBytes();
}

function head(kind: number, flags: readonly number[], bytes: number, version = 1): LittleEndian {
  const [first = 0, second = 0] = flags;
  return new LittleEndian().add([version << 4 | kind, first, second, 0]).uint(bytes, 4);
}
