import { crc32 } from "node:zlib";
import { Inflate } from "fflate";
import { unprocessable } from "../base/errors.ts";
import type { ByteFile } from "./byte_file.ts";

import { displayName } from "./display_name.ts";
import { type ZipEntry, zipError } from "./zip_archive.ts";

const PIECE_BYTES = 2 ** 16;

/**
 * An entry of a ZIP archive as a file. A deflated one is inflated as far as it is read and from its beginning again
 * where a read goes back, so it takes no memory whatever its size; what it inflates to must have the declared size.
 */
export function openZipEntry(archive: ByteFile, entry: ZipEntry): ByteFile {
  if (entry.method === 0) return storedEntry(archive, entry);
  if (entry.method === 8) return deflatedEntry(archive, entry);
  const advice = "save it with numpy.savez or numpy.savez_compressed";
  throw unprocessable("zip_method", `Entry ${displayName(entry.name)} uses ZIP method ${entry.method}: ${advice}`);
}

/** Throws `zip_malformed` where the entry's bytes do not have the declared checksum. */
export function checkZipEntry(file: ByteFile, entry: ZipEntry): void {
  let sum = 0;
  for (let at = 0; at < file.sizeBytes; at += PIECE_BYTES) {
    sum = crc32(file.read(at, Math.min(PIECE_BYTES, file.sizeBytes - at)), sum);
  }
  if (sum !== entry.crc32) throw zipError(`entry ${displayName(entry.name)} with a wrong checksum`);
}

function storedEntry(archive: ByteFile, { name, dataOffset, sizeBytes, compressedBytes }: ZipEntry): ByteFile {
  if (sizeBytes !== compressedBytes) throw zipError(`entry ${displayName(name)} of contradicting sizes`);
  return fileOf(sizeBytes, (at, into) => archive.readInto(dataOffset + at, into));
}

function deflatedEntry(archive: ByteFile, entry: ZipEntry): ByteFile {
  let stream = inflateFrom(archive, entry);
  return fileOf(entry.sizeBytes, (at, into) => {
    if (at < stream.position()) stream = inflateFrom(archive, entry);
    stream.skipTo(at);
    stream.fill(into);
  });
}

/** Inflates an entry piece by piece. */
function inflateFrom(archive: ByteFile, { name, dataOffset, compressedBytes, sizeBytes }: ZipEntry) {
  const pieces: Uint8Array[] = [];
  let consumed = 0;
  let produced = 0;
  let position = 0;
  const inflate = new Inflate((piece) => {
    produced += piece.length;
    if (produced > sizeBytes) throw zipError(`entry ${displayName(name)} larger than its declared ${sizeBytes} bytes`);
    pieces.push(piece);
  });
  const more = () => {
    if (consumed >= compressedBytes) {
      throw zipError(`entry ${displayName(name)} shorter than its declared ${sizeBytes} bytes`);
    }
    const piece = archive.read(dataOffset + consumed, Math.min(PIECE_BYTES, compressedBytes - consumed));
    consumed += piece.length;
    try {
      inflate.push(piece, consumed >= compressedBytes);
    } catch (error) {
      if ((error as Error).name === "LoopscopeError") throw error;
      throw zipError(`entry ${displayName(name)} that does not inflate (${(error as Error).message})`);
    }
  };
  const take = (length: number): Uint8Array => {
    while (pieces.length === 0) more();
    const part = pieces[0].subarray(0, length);
    if (part.length === pieces[0].length) pieces.shift();
    else pieces[0] = pieces[0].subarray(length);
    position += part.length;
    return part;
  };
  return {
    position: () => position,
    skipTo(at: number) {
      while (position < at) take(at - position);
    },
    fill(into: Uint8Array) {
      for (let done = 0; done < into.length;) {
        const part = take(into.length - done);
        into.set(part, done);
        done += part.length;
      }
    },
  };
}

function fileOf(sizeBytes: number, fill: (at: number, into: Uint8Array) => void): ByteFile {
  const readInto = (at: number, into: Uint8Array) => {
    if (at + into.length > sizeBytes) {
      const message = `The array ends at byte ${sizeBytes}, wanted bytes up to ${at + into.length}`;
      throw unprocessable("file_truncated", message);
    }
    fill(at, into);
  };
  return {
    sizeBytes,
    readInto,
    read(at, length) {
      const into = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - at)));
      readInto(Math.min(at, sizeBytes), into);
      return into;
    },
    close() {},
  };
}
