import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { ByteFile } from "../byte_file.ts";
import { displayName } from "../display_name.ts";
import type { ScalarType } from "../scalar_type.ts";

/** One dimension of a wave: value = offset + step x index. */
export interface IgorDimension {
  length: number;
  step: number;
  offset: number;
  unit: string;
  /** Of the dimension as a whole. */
  label: string;
  /** Of each of its elements; empty where there are none. */
  elementLabels: string[];
}

export interface IgorWave {
  name: string;
  type: ScalarType;
  /** In Igor's order: the first lies closest in the file. */
  dimensions: IgorDimension[];
  unit: string;
  /** What the wave's note says, without its end where it is very long. */
  note: string;
  dataOffset: number;
}

const BIN_HEADER = 64, WAVE_HEADER = 320, DATA_AT = BIN_HEADER + WAVE_HEADER;
/** Bytes that the checksum covers, by version. */
const CHECKED_BYTES: Readonly<Record<number, number>> = { 1: 134, 2: 142, 3: 146, 5: DATA_AT };
const MAX_DIMENSIONS = 4, LABEL_BYTES = 32, MAX_LABELS = 65536, MAX_NOTE = 2 ** 20;
const COMPLEX = 1, UNSIGNED = 0x40;
const TYPES: Readonly<Record<number, [kind: ScalarType["kind"], bytes: number]>> = {
  2: ["float", 4],
  4: ["float", 8],
  8: ["int", 1],
  0x10: ["int", 2],
  0x20: ["int", 4],
  0x80: ["int", 8],
};

/** Whether these bytes begin an Igor binary wave of version 1, 2, 3 or 5. Needs 384 bytes of a wave of version 5. */
export function isIgorWave(first: Uint8Array): boolean {
  if (first.length < 2 || (first[0] !== 0 && first[1] !== 0)) return false;
  const version = first[0] || first[1];
  if (!(version in CHECKED_BYTES)) return false;
  return version === 5 || checksum(first, first[1] === 0) === 0;
}

/**
 * What an Igor binary wave says of itself; its numbers stay in the file. Throws `igor_malformed`, `file_truncated`,
 * `not_numeric`, and `cube_needed` for the old versions, which hold one curve each.
 * Source: WaveMetrics, Technical Note 003, "Igor Binary Format"
 */
export function readIgorWave(file: ByteFile): IgorWave {
  const head = file.read(0, DATA_AT);
  const little = head[1] === 0;
  const version = head[little ? 0 : 1];
  if (version !== 5) {
    throw unprocessable(
      "cube_needed",
      `The file is an Igor wave of version ${version}, one curve; expected a wave of three dimensions`,
    );
  }
  if (head.length < DATA_AT) throw truncated(file, DATA_AT);
  if (checksum(head, little) !== 0) throw malformed("its header has a wrong checksum");
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const text = (at: number, bytes: number) => decodeText(head.subarray(at, at + bytes));
  const wave = BIN_HEADER;
  const name = text(wave + 28, 32);
  const type = typeOf(view.getInt16(wave + 16, little), little, name);
  const lengths = lengthsOf(view, little);
  const dataBytes = sizeOf(lengths) * type.bytes;
  if (DATA_AT + dataBytes > file.sizeBytes) throw truncated(file, DATA_AT + dataBytes);
  const size = (at: number) => view.getUint32(at, little);
  const dimensions = lengths.map((length, i): IgorDimension => ({
    length,
    step: view.getFloat64(wave + 84 + 8 * i, little),
    offset: view.getFloat64(wave + 116 + 8 * i, little),
    unit: text(wave + 152 + 4 * i, 4),
    label: "",
    elementLabels: [],
  }));
  const trailer = trailerReader(file, DATA_AT + dataBytes);
  trailer(size(8), 0); // the formula of a dependent wave
  const note = trailer(size(12), MAX_NOTE);
  const longUnit = trailer(size(16), LABEL_BYTES * 8);
  const unitSizes = [20, 24, 28, 32].map(size), labelSizes = [36, 40, 44, 48].map(size);
  const units = unitSizes.map((bytes) => trailer(bytes, LABEL_BYTES * 8));
  const labels = labelSizes.map((bytes) => trailer(bytes, LABEL_BYTES * (MAX_LABELS + 1)));
  dimensions.forEach((dimension, i) => {
    dimension.unit = decodeText(units[i]) || dimension.unit;
    const [whole, ...each] = labelsOf(labels[i], dimension.length);
    dimension.label = whole ?? "";
    if (each.some((label) => label !== "")) dimension.elementLabels = each;
  });
  const unit = decodeText(longUnit) || text(wave + 148, 4);
  return { name, type, dimensions, unit, note: decodeText(note), dataOffset: DATA_AT };
}

/** The sum of the header's 16-bit words, which is 0 in a whole one. */
function checksum(head: Uint8Array, little: boolean): number {
  const bytes = CHECKED_BYTES[head[little ? 0 : 1]] ?? 0;
  if (head.length < bytes) return 1;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  let sum = 0;
  for (let at = 0; at < bytes; at += 2) sum += view.getInt16(at, little);
  return sum & 0xffff;
}

function typeOf(code: number, littleEndian: boolean, name: string): ScalarType {
  const [kind, bytes] = TYPES[code & ~(COMPLEX | UNSIGNED)] ?? [];
  if (!kind || !bytes) {
    const met = code === 0 ? "text" : `values of type ${code}`;
    throw unprocessable("not_numeric", `Wave ${name} holds ${met}; expected numbers`);
  }
  if (code & COMPLEX) {
    return { kind: kind === "float" ? "complex" : "void", bytes: bytes * 2, littleEndian };
  }
  return { kind: kind === "int" && code & UNSIGNED ? "uint" : kind, bytes, littleEndian };
}

/** Lengths of the dimensions in use; all their values together are as many as the header says. */
function lengthsOf(view: DataView, little: boolean): number[] {
  const points = view.getInt32(BIN_HEADER + 12, little);
  const lengths: number[] = [];
  for (let i = 0; i < MAX_DIMENSIONS; i++) {
    const length = view.getInt32(BIN_HEADER + 68 + 4 * i, little);
    if (length === 0) break;
    lengths.push(length);
  }
  if (points > 0 && lengths.every((length) => length > 0) && sizeOf(lengths) === points) return lengths;
  throw malformed(`it has ${points} values and dimensions [${lengths}]`);
}

/** Reads the parts behind the values in order, at most `most` bytes of each. */
function trailerReader(file: ByteFile, start: number): (bytes: number, most: number) => Uint8Array {
  let at = start;
  return (bytes, most) => {
    if (at + bytes > file.sizeBytes) throw truncated(file, at + bytes);
    at += bytes;
    return file.read(at - bytes, Math.min(bytes, most));
  };
}

function labelsOf(bytes: Uint8Array, length: number): string[] {
  const count = Math.min(Math.floor(bytes.length / LABEL_BYTES), length + 1);
  return Array.from({ length: count }, (_, i) => decodeText(bytes.subarray(i * LABEL_BYTES, (i + 1) * LABEL_BYTES)));
}

/** Text up to its first zero: UTF-8 where it is that, else Latin-1. */
function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const own = end < 0 ? bytes : bytes.subarray(0, end);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(own).trim();
  } catch {
    return new TextDecoder("latin1").decode(own).trim();
  }
}

function truncated(file: ByteFile, wanted: number): LoopscopeError {
  return unprocessable("file_truncated", `The file ends at byte ${file.sizeBytes}; expected bytes up to ${wanted}`);
}

function malformed(met: string): LoopscopeError {
  return unprocessable("igor_malformed", `The Igor wave is damaged: ${displayName(met)}`);
}
