import type { Hdf5File } from "./hdf5_file.ts";
import type { H5Metadata } from "./hdf5_module.ts";
import { elementOf } from "./hdf5_type.ts";
import { decodeRun, isReal } from "../scalar_type.ts";

const STRING = 3;
const REFERENCE = 7;
const VLEN = 9;
const LONGEST_TEXT_BYTES = 65536;

/** The numbers of an attribute, flattened; undefined where there is none or it holds something else. */
export function attributeNumbers(file: Hdf5File, path: string, name: string): number[] | undefined {
  return file.attribute(path, name, (view, metadata) => {
    const { scalar, bytes } = elementOf({ ...metadata });
    if (!scalar || !isReal(scalar)) return undefined;
    const out = new Float64Array(metadata.total_size);
    decodeRun(view, scalar, { offset: 0, stride: bytes, count: out.length }, out);
    return Array.from(out);
  });
}

/** The first number of an attribute. */
export function attributeNumber(file: Hdf5File, path: string, name: string): number | undefined {
  return attributeNumbers(file, path, name)?.[0];
}

/** The strings of an attribute, fixed or variable in length. */
export function attributeTexts(file: Hdf5File, path: string, name: string): string[] | undefined {
  return file.attribute(path, name, (view, metadata) => {
    if (metadata.type !== STRING) return undefined;
    return decodeTexts(file.heap, view, metadata.size, metadata.vlen);
  });
}

export function attributeText(file: Hdf5File, path: string, name: string): string | undefined {
  return attributeTexts(file, path, name)?.[0];
}

/** Paths of the objects that an attribute refers to, in its order; undefined for each that points nowhere. */
export function attributeReferences(file: Hdf5File, path: string, name: string): (string | undefined)[] {
  const references = file.attribute(path, name, (view, metadata) => referencesIn(file.heap, view, metadata)) ?? [];
  return references.map((reference) => reference && file.referenced(reference));
}

function referencesIn(heap: Uint8Array, view: DataView, metadata: H5Metadata): (Uint8Array | undefined)[] {
  const { size, total_size: count } = metadata;
  if (metadata.type === REFERENCE && metadata.ref_type === "object") {
    return Array.from({ length: count }, (_, i) => copyOf(view, i * size, size));
  }
  // DIMENSION_LIST: one list of references an axis, of which the first is taken.
  const inner = metadata.vlen_type;
  if (metadata.type !== VLEN || inner?.type !== REFERENCE || inner.ref_type !== "object") return [];
  return Array.from({ length: count }, (_, i) => {
    const [length, pointer] = [view.getUint32(i * 8, true), view.getUint32(i * 8 + 4, true)];
    return length > 0 && pointer + inner.size <= heap.length ? heap.slice(pointer, pointer + inner.size) : undefined;
  });
}

function copyOf(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length).slice();
}

/** Strings of `size` bytes each, or of variable length by pointers into the library's heap. */
export function decodeTexts(heap: Uint8Array, view: DataView, size: number, variable: boolean): string[] {
  const decoder = new TextDecoder();
  const texts: string[] = [];
  for (let at = 0; at + size <= view.byteLength; at += size) {
    const pointer = variable ? view.getUint32(at, true) : view.byteOffset + at;
    const end = variable ? Math.min(heap.length, pointer + LONGEST_TEXT_BYTES) : pointer + size;
    const bytes = pointer === 0 ? new Uint8Array(0) : heap.subarray(pointer, end);
    const zero = bytes.indexOf(0);
    texts.push(decoder.decode(zero < 0 ? bytes : bytes.subarray(0, zero)).trimEnd());
  }
  return texts;
}
