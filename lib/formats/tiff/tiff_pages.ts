import { unprocessable } from "../../base/errors.ts";
import type { ByteFile } from "../byte_file.ts";
import { displayName } from "../display_name.ts";
import type { ScalarType } from "../scalar_type.ts";

/** One page: a grey image in strips or tiles. */
export interface TiffPage {
  rows: number;
  cols: number;
  type: ScalarType;
  /** 1 none, 5 LZW, 8 or 32946 deflate, 32773 PackBits. */
  compression: number;
  /** 1 none, 2 each value is the difference to the one before in its row. */
  predictor: number;
  /** Extent of a strip or tile; a strip is as wide as the page. */
  blockRows: number;
  blockCols: number;
  offsets: number[];
  byteCounts: number[];
  description: string;
  software: string;
  /** Pixels per unit along x and y, and the unit: 1 none, 2 inch, 3 centimetre. */
  resolution: [x: number, y: number];
  resolutionUnit: number;
}

const MAX_PAGES = 65536, MAX_TAGS = 512, MAX_BLOCKS = 2 ** 18, MAX_TEXT = 2 ** 20;
const COMPRESSIONS = [1, 5, 8, 32946, 32773];
/** Bytes of each field type by its code. */
const FIELD_BYTES: Readonly<Record<number, number>> = {
  ...{ 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8 },
};
const KINDS = ["uint", "uint", "int", "float"] as const;

/** Whether these bytes begin a TIFF or BigTIFF file. */
export function isTiff(first: Uint8Array): boolean {
  const [a, b, c, d] = first;
  const little = a === 0x49 && b === 0x49 && d === 0, big = a === 0x4d && b === 0x4d && c === 0;
  return (little && (c === 42 || c === 43)) || (big && (d === 42 || d === 43));
}

/** The pages of a file, in order, without their pixels. Throws `tiff_malformed`, `file_truncated`, `tiff_colour`, `tiff_compression`. */
export function readTiffPages(file: ByteFile): TiffPage[] {
  const head = viewOf(file, 0, 16);
  const little = head.getUint8(0) === 0x49;
  const wide = head.getUint16(2, little) === 43;
  let at = wide ? Number(head.getBigUint64(8, little)) : head.getUint32(4, little);
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  while (at !== 0) {
    if (seen.has(at)) throw malformed("Its list of pages comes back to itself");
    if (seen.size >= MAX_PAGES) throw malformed(`It has more than ${MAX_PAGES} pages`);
    seen.add(at);
    const { tags, next } = readDirectory(file, at, { little, wide });
    pages.push(pageOf(tags, little));
    at = next;
  }
  if (pages.length === 0) throw malformed("It has no page");
  return pages;
}

type Tags = Map<number, { numbers: number[]; text: string }>;

function readDirectory(file: ByteFile, at: number, { little, wide }: { little: boolean; wide: boolean }) {
  const [countBytes, entryBytes, valueBytes] = wide ? [8, 20, 8] : [2, 12, 4];
  const head = viewOf(file, at, countBytes);
  const count = wide ? Number(head.getBigUint64(0, little)) : head.getUint16(0, little);
  if (count > MAX_TAGS) throw malformed(`A page has ${count} fields; expected at most ${MAX_TAGS}`);
  const view = viewOf(file, at + countBytes, count * entryBytes + valueBytes);
  const tags: Tags = new Map();
  for (let i = 0; i < count; i++) {
    const entry = i * entryBytes;
    const [code, type] = [view.getUint16(entry, little), view.getUint16(entry + 2, little)];
    const length = wide ? Number(view.getBigUint64(entry + 4, little)) : view.getUint32(entry + 4, little);
    const size = FIELD_BYTES[type];
    if (!size || length > Math.max(MAX_BLOCKS, MAX_TEXT) || !WANTED.has(code)) continue;
    const place = entry + entryBytes - valueBytes;
    const bytes = length * size;
    const values = bytes <= valueBytes
      ? new DataView(view.buffer, view.byteOffset + place, valueBytes)
      : viewOf(file, wide ? Number(view.getBigUint64(place, little)) : view.getUint32(place, little), bytes);
    tags.set(code, readValues(values, { type, length, size, little }));
  }
  const end = count * entryBytes;
  return { tags, next: wide ? Number(view.getBigUint64(end, little)) : view.getUint32(end, little) };
}

const WANTED = new Set([
  256,
  257,
  258,
  259,
  262,
  270,
  273,
  277,
  278,
  279,
  282,
  283,
  284,
  296,
  305,
  317,
  322,
  323,
  324,
  325,
  339,
]);

function readValues(
  view: DataView,
  { type, length, size, little }: { type: number; length: number; size: number; little: boolean },
) {
  if (type === 2) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, Math.min(length, MAX_TEXT, view.byteLength));
    return { numbers: [], text: new TextDecoder().decode(bytes).replace(/\0+$/, "") };
  }
  const read = (at: number): number => {
    if (type === 5 || type === 10) return view.getUint32(at, little) / view.getUint32(at + 4, little);
    if (type === 11) return view.getFloat32(at, little);
    if (type === 12) return view.getFloat64(at, little);
    if (size === 8) return Number(view.getBigUint64(at, little));
    return size === 4 ? view.getUint32(at, little) : size === 2 ? view.getUint16(at, little) : view.getUint8(at);
  };
  return { numbers: Array.from({ length }, (_, i) => read(i * size)), text: "" };
}

function pageOf(tags: Tags, little: boolean): TiffPage {
  const number = (code: number, otherwise: number) => tags.get(code)?.numbers[0] ?? otherwise;
  const [cols, rows, samples] = [number(256, 0), number(257, 0), number(277, 1)];
  if (!(cols > 0 && rows > 0)) throw malformed(`A page is ${rows} x ${cols} pixels`);
  if (samples !== 1 || number(262, 1) > 1) {
    throw unprocessable("tiff_colour", "The pages are in colour; expected grey ones, one for each spectral step");
  }
  const bits = number(258, 1), kind = KINDS[number(339, 1)];
  if (!kind || ![8, 16, 32, 64].includes(bits) || (kind === "float" && bits === 8)) {
    throw malformed(`A page has ${bits} bits a pixel of sample format ${number(339, 1)}`);
  }
  const compression = number(259, 1);
  if (!COMPRESSIONS.includes(compression)) {
    const message = `The pages are compressed by method ${compression}; expected none, LZW, deflate or PackBits`;
    throw unprocessable("tiff_compression", message);
  }
  const tiled = tags.has(324);
  const blockCols = tiled ? number(322, 0) : cols,
    blockRows = tiled ? number(323, 0) : Math.min(rows, number(278, rows));
  const offsets = tags.get(tiled ? 324 : 273)?.numbers ?? [], byteCounts = tags.get(tiled ? 325 : 279)?.numbers ?? [];
  const blocks = Math.ceil(rows / blockRows) * Math.ceil(cols / blockCols);
  if (!(blockRows > 0 && blockCols > 0) || offsets.length !== blocks || byteCounts.length !== blocks) {
    throw malformed(
      `A page of ${displayName(`${rows} x ${cols}`)} has ${offsets.length} strips or tiles; expected ${blocks}`,
    );
  }
  return {
    ...{ rows, cols, compression, blockRows, blockCols, offsets, byteCounts },
    type: { kind, bytes: bits / 8, littleEndian: little },
    predictor: number(317, 1),
    description: tags.get(270)?.text ?? "",
    software: tags.get(305)?.text ?? "",
    resolution: [number(282, 0), number(283, 0)],
    resolutionUnit: number(296, 2),
  };
}

function viewOf(file: ByteFile, at: number, length: number): DataView {
  const bytes = new Uint8Array(length);
  file.readInto(at, bytes);
  return new DataView(bytes.buffer);
}

export function malformed(message: string) {
  return unprocessable("tiff_malformed", `Not a readable TIFF file. ${message}`);
}
