import { Unzlib } from "fflate";
import { malformed } from "./tiff_pages.ts";

/**
 * The bytes of a strip or tile, exactly `length` of them; more is an error, so that nothing expands beyond what its page
 * says, and less is filled with zeros only where a file leaves out the end of its last strip.
 */
export function decompressBlock(stored: Uint8Array, compression: number, length: number): Uint8Array {
  if (compression === 1) return exactly(stored, length);
  if (compression === 5) return exactly(unpackLzw(stored, length), length);
  if (compression === 32773) return exactly(unpackBits(stored, length), length);
  return exactly(inflate(stored, length), length);
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes.subarray(0, length);
  throw malformed(`A strip or tile holds ${bytes.length} bytes; expected ${length}`);
}

function inflate(stored: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = 0;
  const inflater = new Unzlib((piece) => {
    const part = piece.subarray(0, length - at);
    out.set(part, at);
    at += part.length;
  });
  try {
    for (let from = 0; from < stored.length && at < length; from += 65536) {
      inflater.push(stored.subarray(from, from + 65536), from + 65536 >= stored.length);
    }
  } catch {
    throw malformed("A strip or tile is damaged");
  }
  return out.subarray(0, at);
}

function unpackBits(stored: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let to = 0;
  for (let at = 0; at < stored.length && to < length;) {
    const head = stored[at++];
    if (head === 128) continue;
    if (head < 128) {
      const part = stored.subarray(at, Math.min(at + head + 1, at + length - to));
      out.set(part, to);
      at += head + 1, to += part.length;
    } else {
      const end = Math.min(length, to + 257 - head);
      out.fill(stored[at++], to, end);
      to = end;
    }
  }
  return out.subarray(0, to);
}

const CLEAR = 256, END = 257, MOST_CODES = 4096;

/** TIFF's LZW: codes of 9 to 12 bits, most significant first, widened one code early. */
function unpackLzw(stored: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  const prefix = new Int16Array(MOST_CODES), last = new Uint8Array(MOST_CODES), sizes = new Uint16Array(MOST_CODES);
  for (let i = 0; i < 256; i++) prefix[i] = -1, last[i] = i, sizes[i] = 1;
  let [next, width, before, to, bits, held] = [258, 9, -1, 0, 0, 0];
  const write = (code: number): number => {
    const size = sizes[code];
    for (let at = to + size - 1, c = code; at >= to; at--, c = prefix[c]) if (at < length) out[at] = last[c];
    to += size;
    return size;
  };
  for (let at = 0; to < length;) {
    while (bits < width && at < stored.length) held = (held << 8 | stored[at++]) & 0xffffff, bits += 8;
    if (bits < width) break;
    bits -= width;
    const code = held >> bits & (1 << width) - 1;
    if (code === END) break;
    if (code === CLEAR) {
      [next, width, before] = [258, 9, -1];
      continue;
    }
    if (before < 0) {
      if (code > 255) throw malformed("A strip or tile is damaged");
      write(code);
    } else {
      if (code > next || (code > 255 && code < 258)) throw malformed("A strip or tile is damaged");
      let first = code < next ? code : before;
      while (prefix[first] >= 0) first = prefix[first];
      if (next < MOST_CODES) prefix[next] = before, last[next] = last[first], sizes[next] = sizes[before] + 1, next++;
      write(code);
      if (next >= (1 << width) - 1 && width < 12) width++;
    }
    before = code;
  }
  return out.subarray(0, Math.min(to, length));
}
