import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import type { ByteFile } from "../byte_file.ts";
import { displayName } from "../display_name.ts";

export interface ZipEntry {
  name: string;
  /** 0 stored, 8 deflated. */
  method: number;
  crc32: number;
  compressedBytes: number;
  sizeBytes: number;
  /** Where the entry's bytes begin. */
  dataOffset: number;
}

const END_RECORD = 0x06054b50;
const END_LOCATOR_64 = 0x07064b50;
const END_RECORD_64 = 0x06064b50;
const CENTRAL_HEADER = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const MOST_ENTRIES = 65536;
const LARGEST_DIRECTORY = 2 ** 24;
const IN_64 = 0xffffffff;
const ENCRYPTED = 1;

export function isZip(first: Uint8Array): boolean {
  return first[0] === 0x50 && first[1] === 0x4b &&
    ((first[2] === 3 && first[3] === 4) || (first[2] === 5 && first[3] === 6));
}

/**
 * Lists the entries of a ZIP archive from its central directory, 64-bit sizes included. Throws `zip_malformed` where
 * records contradict each other or the file's size.
 * Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export function readZipEntries(file: ByteFile): ZipEntry[] {
  const { count, offset, sizeBytes } = findDirectory(file);
  if (count > MOST_ENTRIES) throw zipError(`${count} entries; expected at most ${MOST_ENTRIES}`);
  if (sizeBytes > LARGEST_DIRECTORY) {
    throw zipError(`a directory of ${sizeBytes} bytes; expected at most ${LARGEST_DIRECTORY}`);
  }
  if (offset + sizeBytes > file.sizeBytes) throw zipError("a directory beyond the end of the file");
  const view = viewOf(file.read(offset, sizeBytes));
  const entries: ZipEntry[] = [];
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > view.byteLength || view.getUint32(at, true) !== CENTRAL_HEADER) throw zipError("a broken directory");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const end = at + 46 + nameLength + extraLength + commentLength;
    if (end > view.byteLength) throw zipError("a broken directory");
    entries.push(readEntry(file, view, at));
    at = end;
  }
  return entries;
}

function findDirectory(file: ByteFile): { count: number; offset: number; sizeBytes: number } {
  const tail = Math.min(file.sizeBytes, 65557 + 20);
  const base = file.sizeBytes - tail;
  const view = viewOf(file.read(base, tail));
  for (let at = tail - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== END_RECORD) continue;
    const is64 = at >= 20 && view.getUint32(at - 20, true) === END_LOCATOR_64;
    if (is64) return readEnd64(file, Number(view.getBigUint64(at - 12, true)));
    const [sizeBytes, offset] = [view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
    return { count: view.getUint16(at + 10, true), sizeBytes, offset };
  }
  throw unprocessable("file_truncated", "The ZIP archive has no end record: it is cut off");
}

function readEnd64(file: ByteFile, at: number) {
  if (at + 56 > file.sizeBytes) throw zipError("an end record beyond the end of the file");
  const view = viewOf(file.read(at, 56));
  if (view.getUint32(0, true) !== END_RECORD_64) throw zipError("a broken end record");
  const [count, sizeBytes, offset] = [32, 40, 48].map((field) => Number(view.getBigUint64(field, true)));
  return { count, sizeBytes, offset };
}

function readEntry(file: ByteFile, view: DataView, at: number): ZipEntry {
  const nameLength = view.getUint16(at + 28, true);
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength));
  if (view.getUint16(at + 8, true) & ENCRYPTED) throw zipError(`an encrypted entry ${displayName(name)}`);
  const extra = { at: at + 46 + nameLength, end: at + 46 + nameLength + view.getUint16(at + 30, true) };
  const fields = [24, 20, 42].map((field) => view.getUint32(at + field, true));
  const [sizeBytes, compressedBytes, local] = widen(view, extra, fields);
  if (local + 30 > file.sizeBytes) throw zipError(`entry ${displayName(name)} beyond the end of the file`);
  const header = viewOf(file.read(local, 30));
  if (header.getUint32(0, true) !== LOCAL_HEADER) throw zipError(`a broken entry ${displayName(name)}`);
  const dataOffset = local + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  if (dataOffset + compressedBytes > file.sizeBytes) {
    throw zipError(`entry ${displayName(name)} beyond the end of the file`);
  }
  const method = view.getUint16(at + 10, true);
  return { name, method, crc32: view.getUint32(at + 16, true), compressedBytes, sizeBytes, dataOffset };
}

/** Sizes that do not fit 32 bits stand in the extra field 1, in this order, only those that do not fit. */
function widen(view: DataView, extra: { at: number; end: number }, fields: number[]): number[] {
  for (let at = extra.at; at + 4 <= extra.end;) {
    const [id, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (id === 1) {
      let next = at + 4;
      return fields.map((field) => {
        if (field !== IN_64 || next + 8 > Math.min(extra.end, at + 4 + length)) return field;
        next += 8;
        return Number(view.getBigUint64(next - 8, true));
      });
    }
    at += 4 + length;
  }
  return fields;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function zipError(met: string): LoopscopeError {
  return unprocessable("zip_malformed", `The ZIP archive is damaged: found ${met}`);
}
