import { crc32 } from "node:zlib";
import { joinBytes } from "../../base/join_bytes.ts";
import type { NdArray } from "../../base/nd_array.ts";
import { npyPieces } from "./npy.ts";

/** 1980-01-01 00:00, the first that the format knows: no time of writing is kept. */
const [TIME, DATE] = [0, 0x21];
const VERSION = 20;
const UTF8_NAMES = 0x0800;

interface Entry {
  name: Uint8Array;
  crc: number;
  bytes: number;
  /** Of its local header, from the archive's start. */
  offset: number;
}

/**
 * Named arrays as an NPZ archive that `numpy.load` opens, in pieces: the arrays' own bytes are not copied. Entries are
 * stored, not compressed, as `numpy.savez` does. The same arrays always give the same bytes. Names may hold `/` but no
 * `..`; all together must stay under 4 GiB.
 */
export function npzPieces(arrays: Record<string, NdArray>): Uint8Array<ArrayBuffer>[] {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const entries: Entry[] = [];
  let offset = 0;
  const add = (...added: Uint8Array<ArrayBuffer>[]) => {
    pieces.push(...added);
    offset += bytesOf(added);
  };
  for (const [name, array] of Object.entries(arrays)) {
    const npy = npyPieces(array);
    const crc = npy.reduce((crc, piece) => crc32(piece, crc), 0);
    const entry = { name: new TextEncoder().encode(`${name}.npy`), crc, bytes: bytesOf(npy), offset };
    entries.push(entry);
    add(localHeader(entry), ...npy);
  }
  const start = offset;
  add(...entries.map(directoryEntry));
  add(endOfDirectory(entries.length, start, offset - start));
  return pieces;
}

/** `npzPieces` as one run of bytes. */
export function encodeNpz(arrays: Record<string, NdArray>): Uint8Array<ArrayBuffer> {
  return joinBytes(npzPieces(arrays));
}

function localHeader({ name, crc, bytes }: Entry): Uint8Array<ArrayBuffer> {
  return fields(name, [4, 0x04034b50], [2, VERSION], ...common(crc, bytes, name));
}

function directoryEntry({ name, crc, bytes, offset }: Entry): Uint8Array<ArrayBuffer> {
  const versions: Field[] = [[2, VERSION], [2, VERSION]];
  // No comment, first disk, no attributes.
  const rest: Field[] = [[2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
  return fields(name, [4, 0x02014b50], ...versions, ...common(crc, bytes, name), ...rest);
}

/** What both headers have: flags, method, time, date, checksum, sizes, lengths of name and extra field. */
function common(crc: number, bytes: number, name: Uint8Array): Field[] {
  const stored = 0;
  const about: Field[] = [[2, UTF8_NAMES], [2, stored], [2, TIME], [2, DATE]];
  return [...about, [4, crc], [4, bytes], [4, bytes], [2, name.length], [2, 0]];
}

function endOfDirectory(count: number, start: number, bytes: number): Uint8Array<ArrayBuffer> {
  const counts: Field[] = [[2, count], [2, count]];
  return fields(new Uint8Array(0), [4, 0x06054b50], [2, 0], [2, 0], ...counts, [4, bytes], [4, start], [2, 0]);
}

type Field = [width: 2 | 4, value: number];

/** Little-endian numbers, then a name. */
function fields(name: Uint8Array, ...numbers: Field[]): Uint8Array<ArrayBuffer> {
  const head = numbers.reduce((sum, [width]) => sum + width, 0);
  const out = new Uint8Array(head + name.length);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [width, value] of numbers) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  out.set(name, head);
  return out;
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}
