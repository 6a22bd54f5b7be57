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
 * they lie; everything else in the file is passed over. Throws `matlab_malformed`.
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
    const array = read(file, element, little);
    if (array) arrays.push(array);
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

function readCompressed(file: ByteFile, { dataOffset, sizeBytes }: Element, little: boolean): NpyArray | undefined {
  const tag = openZlib(file, { at: dataOffset, compressedBytes: sizeBytes, sizeBytes: 8 }).read(0, 8);
  const inner = new DataView(tag.buffer, tag.byteOffset, 8);
  const declared = 8 + inner.getUint32(4, little);
  checkExpansion(declared, sizeBytes);
  const whole = openZlib(file, { at: dataOffset, compressedBytes: sizeBytes, sizeBytes: declared });
  whole.check();
  const element = readElement(whole, 0, little);
  return element.type === MATRIX ? readMatrix(whole, element, little) : undefined;
}

function readMatrix(file: ByteFile, matrix: Element, little: boolean): NpyArray | undefined {
  const end = matrix.dataOffset + matrix.sizeBytes;
  const part = (at: number) => {
    if (at + 8 > end) throw mat5Error("a matrix that ends early");
    return readElement(file, at, little);
  };
  const flags = part(matrix.dataOffset);
  const flagBits = wordsOf(file, flags, little)[0] ?? 0;
  const [first, last] = NUMERIC_CLASSES;
  if ((flagBits & 0xff) < first || (flagBits & 0xff) > last) return undefined;
  const dimensions = part(flags.next);
  const shape = wordsOf(file, dimensions, little);
  const nameElement = part(dimensions.next);
  const name = new TextDecoder().decode(file.read(nameElement.dataOffset, Math.min(nameElement.sizeBytes, 256)));
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
  return { name: displayName(name), file, header };
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
