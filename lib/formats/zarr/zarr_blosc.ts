import { inflateSync, zstdDecompressSync } from "node:zlib";
import { zarrError } from "./zarr_error.ts";

const HEADER_BYTES = 16;
const SHUFFLE = 1, COPIED = 2, BITSHUFFLE = 4, ONE_STREAM = 0x10, MOST_SPLITS = 16;
const NAMES = ["BloscLZ", "LZ4", "Snappy", "zlib", "Zstandard"];

/**
 * A Blosc 1 buffer of at most `most` bytes, with LZ4, zlib or Zstandard inside and bytes shuffled or not. Throws
 * `zarr_malformed`, and `zarr_codec` for the others. Source: https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
 */
export function decodeBlosc(stored: Uint8Array, most: number): Uint8Array {
  if (stored.length < HEADER_BYTES) throw zarrError("a Blosc buffer that ends in its header");
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length);
  const [flags, itemBytes] = [stored[2], stored[3]];
  const [bytes, blockBytes] = [view.getUint32(4, true), view.getUint32(8, true)];
  if (bytes > most) throw zarrError(`a Blosc buffer of ${bytes} bytes, more than the ${most} of a chunk`);
  if (flags & COPIED) return copied(stored, bytes);
  const codec = flags >> 5;
  if (flags & BITSHUFFLE || !(codec in DECODERS)) {
    const name = flags & BITSHUFFLE ? "bitshuffle" : NAMES[codec] ?? `codec ${codec}`;
    throw zarrError(`Blosc with ${name}: write it with LZ4, zlib or Zstandard and byte shuffle`, "zarr_codec");
  }
  if (bytes > 0 && blockBytes === 0) throw zarrError("Blosc blocks of no bytes");
  const out = new Uint8Array(bytes);
  for (let block = 0, at = 0; at < bytes; block++, at += blockBytes) {
    const length = Math.min(blockBytes, bytes - at);
    const whole = length === blockBytes;
    const streams = whole && !(flags & ONE_STREAM) && itemBytes <= MOST_SPLITS ? Math.max(1, itemBytes) : 1;
    const start = HEADER_BYTES + 4 * block;
    if (start + 4 > stored.length) throw zarrError("a Blosc buffer that ends in its list of blocks");
    const unpacked = decodeBlock(stored, view.getUint32(start, true), { length, streams, decode: DECODERS[codec] });
    out.set(flags & SHUFFLE && itemBytes > 1 ? unshuffled(unpacked, itemBytes) : unpacked, at);
  }
  return out;
}

type Decode = (stored: Uint8Array, length: number) => Uint8Array;

const DECODERS: Readonly<Record<number, Decode>> = {
  1: decodeLz4,
  3: (stored, length) => inflateSync(stored, { maxOutputLength: length }),
  4: (stored, length) => zstdDecompressSync(stored, { maxOutputLength: length }),
};

function copied(stored: Uint8Array, bytes: number): Uint8Array {
  if (HEADER_BYTES + bytes > stored.length) throw zarrError("a Blosc buffer that ends early");
  return stored.subarray(HEADER_BYTES, HEADER_BYTES + bytes);
}

function decodeBlock(
  stored: Uint8Array,
  start: number,
  { length, streams, decode }: { length: number; streams: number; decode: Decode },
): Uint8Array {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length);
  const out = new Uint8Array(length);
  const each = length / streams;
  if (!Number.isInteger(each)) throw zarrError("a Blosc block that its streams do not divide");
  for (let stream = 0, at = start; stream < streams; stream++) {
    if (at + 4 > stored.length) throw zarrError("a Blosc block that ends early");
    const packed = view.getUint32(at, true);
    if (at + 4 + packed > stored.length) throw zarrError("a Blosc stream beyond its buffer");
    const bytes = stored.subarray(at + 4, at + 4 + packed);
    const unpacked = packed === each ? bytes : decode(bytes, each);
    if (unpacked.length !== each) throw zarrError(`a Blosc stream of ${unpacked.length} bytes; expected ${each}`);
    out.set(unpacked, stream * each);
    at += 4 + packed;
  }
  return out;
}

/** Bytes of all items in order, from first bytes of all, then second bytes of all, … */
function unshuffled(bytes: Uint8Array, itemBytes: number): Uint8Array {
  const out = bytes.slice();
  const items = Math.floor(bytes.length / itemBytes);
  for (let byte = 0, from = 0; byte < itemBytes; byte++) {
    for (let item = 0; item < items; item++) out[item * itemBytes + byte] = bytes[from++];
  }
  return out;
}

/** An LZ4 block of exactly `length` bytes. Source: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
export function decodeLz4(stored: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let [at, to] = [0, 0];
  const extended = (nibble: number) => {
    let sum = nibble;
    for (let byte = 255; nibble === 15 && byte === 255 && at < stored.length;) sum += byte = stored[at++];
    return sum;
  };
  while (at < stored.length) {
    const token = stored[at++];
    const literals = extended(token >> 4);
    if (at + literals > stored.length || to + literals > length) throw zarrError("an LZ4 block that is too long");
    out.set(stored.subarray(at, at + literals), to);
    [at, to] = [at + literals, to + literals];
    if (at >= stored.length) break;
    const distance = stored[at] + 256 * (stored[at + 1] ?? 0);
    at += 2;
    const match = extended(token & 15) + 4;
    if (distance === 0 || distance > to || to + match > length) throw zarrError("an LZ4 block that refers outside");
    for (let i = 0; i < match; i++, to++) out[to] = out[to - distance];
  }
  return out.subarray(0, to);
}
