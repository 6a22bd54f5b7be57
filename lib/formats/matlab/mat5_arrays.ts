import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { ByteFile } from "../byte_file.ts";
import { checkExpansion } from "../cube_shape.ts";
import { displayName } from "../display_name.ts";
import { openZlib } from "../zip/inflated_file.ts";
import type { NpyArray } from "../numpy/npy_cube.ts";
import { getterOf, type ScalarType } from "../scalar_type.ts";

const HEADER_BYTES = 128;
const MOST_VARIABLES = 4096;
const MATRIX = 14;
const COMPRESSED = 15;
const STRUCT_CLASS = 2;
const DEEPEST_STRUCT = 8;
const COMPLEX_FLAG = 0x0800;
/** Array classes 6 (double) to 15 (uint64) hold numbers: no cells, structures, objects, text or sparse matrices. */
const NUMERIC_CLASSES = [6, 15];
const TYPES: Record<number, [kind: ScalarType["kind"], bytes: number]> = {
  1: ["int", 1],
  2: ["uint", 1],
  3: ["int", 2],
  4: ["uint", 2],
  5: ["int", 4],
  6: ["uint", 4],
  7: ["float", 4],
  9: ["float", 8],
  12: ["int", 8],
  13: ["uint", 8],
};

export function isMat5(first: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(first.subarray(0, 128));
  return text.startsWith("MATLAB 5.0 MAT-file") && /^(IM|MI)$/.test(text.slice(126));
}

/** A data element: what it is and where its bytes lie. */
interface Element {
  type: number;
  sizeBytes: number;
  dataOffset: number;
  next: number;
}

/**
 * The numeric arrays of a MATLAB 5 file (`save -v6` and `-v7`), described as NPY arrays in Fortran order, which is how
 * they lie, those in fields of structs as `s.field`; everything else in the file is passed over. Throws `matlab_malformed`.
 * Source: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
 */
export function readMat5Arrays(file: ByteFile): NpyArray[] {
  const little = new TextDecoder("latin1").decode(file.read(126, 2)) === "IM";
  const arrays: NpyArray[] = [];
  for (let at = HEADER_BYTES, i = 0; at < file.sizeBytes; i++) {
    if (i >= MOST_VARIABLES) throw mat5Error(`more than ${MOST_VARIABLES} variables`);
    const element = readElement(file, at, little);
    if (element.type !== COMPRESSED && element.type !== MATRIX) throw mat5Error(`an element of type ${element.type}`);
    const read = element.type === COMPRESSED ? readCompressed : readMatrix;
    arrays.push(...read(file, element, little));
    if (arrays.length > MOST_VARIABLES) throw mat5Error(`more than ${MOST_VARIABLES} arrays`);
    at = element.type === COMPRESSED ? element.dataOffset + element.sizeBytes : element.next;
  }
  return arrays;
}

function readElement(file: ByteFile, at: number, little: boolean): Element {
  const bytes = file.read(at, 8);
  if (bytes.length < 8) throw mat5Error("an element that ends in its tag");
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const word = view.getUint32(0, little);
  const isSmall = word > 0xffff;
  const sizeBytes = isSmall ? word >>> 16 : view.getUint32(4, little);
  const dataOffset = isSmall ? at + 4 : at + 8;
  if (isSmall && sizeBytes > 4) throw mat5Error(`a small element of ${sizeBytes} bytes`);
  if (dataOffset + sizeBytes > file.sizeBytes) {
    const message = `The MATLAB file ends at byte ${file.sizeBytes}; expected ${dataOffset + sizeBytes}`;
    throw unprocessable("file_truncated", message);
  }
  const next = isSmall ? at + 8 : dataOffset + Math.ceil(sizeBytes / 8) * 8;
  return { type: isSmall ? word & 0xffff : word, sizeBytes, dataOffset, next };
}

function readCompressed(file: ByteFile, { dataOffset, sizeBytes }: Element, little: boolean): NpyArray[] {
  const tag = openZlib(file, { at: dataOffset, compressedBytes: sizeBytes, sizeBytes: 8 }).read(0, 8);
  const inner = new DataView(tag.buffer, tag.byteOffset, 8);
  const declared = 8 + inner.getUint32(4, little);
  checkExpansion(declared, sizeBytes);
  const whole = openZlib(file, { at: dataOffset, compressedBytes: sizeBytes, sizeBytes: declared });
  whole.check();
  const element = readElement(whole, 0, little);
  return element.type === MATRIX ? readMatrix(whole, element, little) : [];
}

/** The matrix, or those in the fields of a struct; `within` is the name of the field and of the structs around it. */
function readMatrix(file: ByteFile, matrix: Element, little: boolean, within: string[] = []): NpyArray[] {
  const end = matrix.dataOffset + matrix.sizeBytes;
  const part = (at: number) => {
    if (at + 8 > end) throw mat5Error("a matrix that ends early");
    return readElement(file, at, little);
  };
  const flags = part(matrix.dataOffset);
  const flagBits = wordsOf(file, flags, little)[0] ?? 0;
  const [first, last] = NUMERIC_CLASSES;
  const isStruct = (flagBits & 0xff) === STRUCT_CLASS;
  if (!isStruct && ((flagBits & 0xff) < first || (flagBits & 0xff) > last)) return [];
  const dimensions = part(flags.next);
  const shape = wordsOf(file, dimensions, little);
  const nameElement = part(dimensions.next);
  const ownName = new TextDecoder().decode(file.read(nameElement.dataOffset, Math.min(nameElement.sizeBytes, 256)));
  const path = within.length > 0 ? within : [ownName];
  if (isStruct) return sizeOf(shape) === 1 ? readFields(file, { at: nameElement.next, end, path }, little) : [];
  const name = path.join(".");
  const values = part(nameElement.next);
  const [kind, bytes] = TYPES[values.type] ?? [];
  if (!kind || !bytes) throw mat5Error(`values of type ${values.type} in ${displayName(name)}`);
  const wanted = sizeOf(shape) * bytes;
  if (values.sizeBytes !== wanted) {
    throw mat5Error(
      `${values.sizeBytes} bytes of values in ${displayName(name)}; expected ${wanted} for shape [${shape}]`,
    );
  }
  const isComplex = (flagBits & COMPLEX_FLAG) !== 0;
  const type: ScalarType = isComplex
    ? { kind: "complex", bytes: bytes * 2, littleEndian: little }
    : { kind, bytes, littleEndian: little };
  const header = { shape, fortranOrder: true, itemBytes: bytes, type, fields: [], dataOffset: values.dataOffset };
  return [{ name: displayName(name), label: displayName(path.at(-1)!), file, header }];
}

/** The arrays in the fields of a struct of one element. */
function readFields(
  file: ByteFile,
  { at, end, path }: { at: number; end: number; path: string[] },
  little: boolean,
): NpyArray[] {
  if (path.length > DEEPEST_STRUCT) throw mat5Error(`structs nested deeper than ${DEEPEST_STRUCT}`);
  const nameLength = readElement(file, at, little);
  const [bytes] = wordsOf(file, nameLength, little);
  const names = readElement(file, nameLength.next, little);
  if (!(bytes > 0) || names.sizeBytes > MOST_VARIABLES * bytes || bytes > 256) {
    throw mat5Error(`field names of ${bytes} bytes in ${displayName(path.join("."))}`);
  }
  const text = new TextDecoder().decode(file.read(names.dataOffset, names.sizeBytes));
  const arrays: NpyArray[] = [];
  let next = names.next;
  for (let i = 0; i < Math.floor(names.sizeBytes / bytes) && next < end; i++) {
    const field = readElement(file, next, little);
    if (field.type !== MATRIX) throw mat5Error(`a field of type ${field.type} in ${displayName(path.join("."))}`);
    const name = text.slice(i * bytes, (i + 1) * bytes).replace(/\0.*$/s, "");
    if (field.sizeBytes > 0) arrays.push(...readMatrix(file, field, little, [...path, name]));
    next = field.next;
  }
  return arrays;
}

/** The 32-bit words of a small element, at most 32. */
function wordsOf(file: ByteFile, { dataOffset, sizeBytes }: Element, little: boolean): number[] {
  if (sizeBytes > 128) throw mat5Error(`an array of ${sizeBytes / 4} dimensions`);
  const bytes = file.read(dataOffset, sizeBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const get = getterOf({ kind: "uint", bytes: 4, littleEndian: little });
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => get(view, i * 4));
}

function mat5Error(met: string): LoopscopeError {
  return unprocessable("matlab_malformed", `The MATLAB file is damaged: found ${met}`);
}
