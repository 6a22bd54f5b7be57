import { Inflate } from "fflate";
import { crc32 } from "node:zlib";
import { type LoopscopeError, unprocessable } from "../../base/errors.ts";
import type { ByteFile } from "../byte_file.ts";

export interface DeflatedRange {
  at: number;
  compressedBytes: number;
  /** What it inflates to. */
  sizeBytes: number;
}

/** A file that can tell whether its bytes are those that were written. */
export interface CheckedFile extends ByteFile {
  /** Throws `inflate_failed` where size or checksum are not as declared. */
  check(): void;
}

const PIECE_BYTES = 2 ** 16;

/**
 * A raw deflate stream inside a file, as a file. It is inflated as far as it is read, and from its beginning again where
 * a read goes back, so it takes no memory whatever its size. Throws `inflate_failed`.
 */
export function openDeflated(file: ByteFile, range: DeflatedRange): ByteFile {
  let stream = inflateFrom(file, range);
  return rangeFile(range.sizeBytes, (at, into) => {
    if (at < stream.position()) stream = inflateFrom(file, range);
    stream.skipTo(at);
    stream.fill(into);
  });
}

/** A zlib stream: two bytes of header, deflate, then the Adler-32 sum of what was deflated. */
export function openZlib(file: ByteFile, { at, compressedBytes, sizeBytes }: DeflatedRange): CheckedFile {
  const header = file.read(at, 2);
  const isZlib = compressedBytes > 6 && (header[0] & 15) === 8 && (header[0] * 256 + header[1]) % 31 === 0;
  if (!isZlib) throw inflateError("what is no zlib stream");
  const inner = openDeflated(file, { at: at + 2, compressedBytes: compressedBytes - 6, sizeBytes });
  const check = () => {
    const tail = file.read(at + compressedBytes - 4, 4);
    const wanted = new DataView(tail.buffer, tail.byteOffset, 4).getUint32(0);
    let sum = 1;
    eachPiece(inner, (piece) => sum = adler32(piece, sum));
    if (sum !== wanted) throw inflateError("a wrong checksum");
  };
  return { ...inner, check };
}

/** CRC-32 of a whole file. */
export function crc32Of(file: ByteFile): number {
  let sum = 0;
  eachPiece(file, (piece) => sum = crc32(piece, sum));
  return sum;
}

/** Part of a file, or what is made of it, under the rules of `ByteFile`. */
export function rangeFile(sizeBytes: number, fill: (at: number, into: Uint8Array) => void): ByteFile {
  const readInto = (at: number, into: Uint8Array) => {
    if (at + into.length > sizeBytes) {
      const message = `The array ends at byte ${sizeBytes}; expected bytes up to ${at + into.length}`;
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

function inflateFrom(file: ByteFile, { at, compressedBytes }: DeflatedRange) {
  const pieces: Uint8Array[] = [];
  let consumed = 0;
  let position = 0;
  const inflate = new Inflate((piece) => pieces.push(piece));
  const more = () => {
    if (consumed >= compressedBytes) throw inflateError("less than its declared size");
    const piece = file.read(at + consumed, Math.min(PIECE_BYTES, compressedBytes - consumed));
    if (piece.length === 0) throw inflateError("the end of the file");
    consumed += piece.length;
    try {
      inflate.push(piece, consumed >= compressedBytes);
    } catch (error) {
      throw inflateError((error as Error).message);
    }
  };
  const take = (length: number): Uint8Array => {
    while ((pieces[0]?.length ?? 0) === 0) {
      pieces.shift();
      if (pieces.length === 0) more();
    }
    const part = pieces[0].subarray(0, length);
    pieces[0] = pieces[0].subarray(part.length);
    position += part.length;
    return part;
  };
  return {
    position: () => position,
    skipTo(target: number) {
      while (position < target) take(target - position);
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

function eachPiece(file: ByteFile, use: (piece: Uint8Array) => void): void {
  for (let at = 0; at < file.sizeBytes; at += PIECE_BYTES) use(file.read(at, PIECE_BYTES));
}

/** Source: RFC 1950. Sums stay below 2^53 within a piece of 64 KiB. */
function adler32(bytes: Uint8Array, before: number): number {
  let a = before & 0xffff;
  let b = before >>> 16;
  for (const byte of bytes) {
    a += byte;
    b += a;
  }
  return (((b % 65521) << 16) | (a % 65521)) >>> 0;
}

function inflateError(met: string): LoopscopeError {
  return unprocessable("inflate_failed", `Compressed values are damaged: found ${met}`);
}
