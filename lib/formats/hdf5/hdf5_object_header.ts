import type { ByteFile } from "../byte_file.ts";

const DATATYPE = 3;
const CONTINUATION = 16;
const MOST_MESSAGES = 1000;
/** Kinds of messages run to 0x18; libraries pass over what is beyond, even if it was once the list of filters. */
const LARGEST_MESSAGE = 0x1f;
const SHARED = 2;

/** Exponent place, exponent bits, mantissa place, mantissa bits, bias and sign place of IEEE floats by their bytes. */
const IEEE: Record<number, readonly number[]> = {
  2: [10, 5, 0, 10, 15, 15],
  4: [23, 8, 0, 23, 127, 31],
  8: [52, 11, 0, 52, 1023, 63],
};

class UnknownLayout extends Error {}

/**
 * Words for what the library would read wrongly without saying so, or undefined: numbers that are no whole-byte integers
 * or IEEE floats (24-bit integers, bfloat16, …), whose bytes it hands out as they are stored, and headers with
 * messages of a kind that does not exist. `address` is that of the dataset's object header; a header that this does not
 * understand is taken for usual.
 * Source: https://docs.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, IV.A
 */
export function unusualDataset(file: ByteFile, address: number): string | undefined {
  try {
    const { message, unknown } = findDatatype(file, address, 0);
    if (unknown !== undefined) return `a header message of unknown kind ${unknown}`;
    return message && checkType(message, 0).problem;
  } catch (error) {
    if (error instanceof UnknownLayout || error instanceof RangeError) return undefined;
    throw error;
  }
}

interface Span {
  at: number;
  length: number;
}

interface Found {
  message?: DataView;
  /** The kind of a message that no version of the format has. */
  unknown?: number;
}

/** The datatype message of an object header of version 1 or 2, continuations included. */
function findDatatype(file: ByteFile, address: number, depth: number): Found {
  const head = viewOf(file, { at: address, length: 64 });
  const isVersion2 = head.getUint32(0) === 0x4f484452; // OHDR
  const flags = isVersion2 ? head.getUint8(5) : 0;
  const spans: Span[] = [isVersion2 ? firstSpan2(head, address, flags) : firstSpan1(head, address)];
  const found: Found = {};
  for (let span = spans.shift(), count = 0; span; span = spans.shift()) {
    const view = viewOf(file, span);
    const prefix = isVersion2 ? (flags & 4 ? 6 : 4) : 8;
    for (let at = 0; at + prefix <= view.byteLength; count++) {
      if (count > MOST_MESSAGES) throw new UnknownLayout();
      const type = isVersion2 ? view.getUint8(at) : view.getUint16(at, true);
      const size = view.getUint16(at + (isVersion2 ? 1 : 2), true);
      const messageFlags = view.getUint8(at + (isVersion2 ? 3 : 4));
      const body = at + prefix;
      if (body + size > view.byteLength) break;
      if (type === DATATYPE) {
        const message = new DataView(view.buffer, view.byteOffset + body, size);
        found.message = messageFlags & SHARED ? sharedDatatype(file, message, depth) : message;
      }
      if (type > LARGEST_MESSAGE) found.unknown = type;
      if (type === CONTINUATION) spans.push(continuation(view, body, isVersion2));
      at = body + size;
    }
  }
  return found;
}

function firstSpan1(head: DataView, address: number): Span {
  if (head.getUint8(0) !== 1) throw new UnknownLayout();
  return { at: address + 16, length: head.getUint32(8, true) };
}

function firstSpan2(head: DataView, address: number, flags: number): Span {
  const sizeAt = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const width = 1 << (flags & 3);
  if (width === 8) throw new UnknownLayout();
  const length = width === 1
    ? head.getUint8(sizeAt)
    : width === 2
    ? head.getUint16(sizeAt, true)
    : head.getUint32(sizeAt, true);
  return { at: address + sizeAt + width, length };
}

/** In version 2 a continuation begins with OCHK and ends with a checksum. */
function continuation(view: DataView, body: number, isVersion2: boolean): Span {
  const at = Number(view.getBigUint64(body, true));
  const length = Number(view.getBigUint64(body + 8, true));
  return isVersion2 ? { at: at + 4, length: length - 8 } : { at, length };
}

/** A named datatype, of which the message holds the address. */
function sharedDatatype(file: ByteFile, message: DataView, depth: number): DataView | undefined {
  const version = message.getUint8(0);
  if (depth > 4 || version < 1 || version > 3) throw new UnknownLayout();
  return findDatatype(file, Number(message.getBigUint64(version === 1 ? 8 : 2, true)), depth + 1).message;
}

function viewOf(file: ByteFile, { at, length }: Span): DataView {
  if (!(length > 0 && length <= 2 ** 20 && Number.isSafeInteger(at))) throw new UnknownLayout();
  const bytes = file.read(at, length);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Checks the type at `at` and says where it ends. */
function checkType(view: DataView, at: number): { problem?: string; end: number } {
  const kind = view.getUint8(at) & 15;
  const version = view.getUint8(at) >> 4;
  const bits = view.getUint8(at + 1) | (view.getUint8(at + 2) << 8);
  const size = view.getUint32(at + 4, true);
  const body = at + 8;
  if (kind === 0) return { problem: checkInteger(view, body, size), end: body + 4 };
  if (kind === 1) return { problem: checkFloat(view, body, size, bits), end: body + 12 };
  if (kind === 3 || kind === 7) return { end: body };
  if (kind === 8) return { problem: checkType(view, body).problem, end: NaN };
  if (kind === 6) return { problem: checkMembers(view, body, { version, count: bits, size }), end: NaN };
  throw new UnknownLayout();
}

function checkInteger(view: DataView, body: number, size: number): string | undefined {
  const [offset, precision] = [view.getUint16(body, true), view.getUint16(body + 2, true)];
  if (offset === 0 && precision === size * 8) return undefined;
  return `integers of ${precision} bits from bit ${offset} on in ${size} bytes`;
}

function checkFloat(view: DataView, body: number, size: number, bits: number): string | undefined {
  const [offset, precision] = [view.getUint16(body, true), view.getUint16(body + 2, true)];
  const places = [4, 5, 6, 7].map((i) => view.getUint8(body + i));
  const met = [...places, view.getUint32(body + 8, true), bits >> 8];
  const isNormalised = ((bits >> 4) & 3) === 2;
  const isIeee = offset === 0 && precision === size * 8 && isNormalised &&
    IEEE[size]?.every((value, i) => value === met[i]);
  if (isIeee) return undefined;
  return `floats of ${size} bytes with ${met[1]} bits of exponent and ${met[3]} of mantissa`;
}

interface Members {
  version: number;
  count: number;
  size: number;
}

function checkMembers(view: DataView, start: number, { version, count, size }: Members): string | undefined {
  let at = start;
  for (let i = 0; i < count; i++) {
    const name = at;
    while (view.getUint8(at) !== 0) at++;
    // Names are padded to 8 bytes up to version 2; offsets take the bytes they need from version 3 on.
    at = version < 3 ? name + Math.ceil((at + 1 - name) / 8) * 8 : at + 1;
    at += version === 1 ? 32 : version === 2 ? 4 : size < 256 ? 1 : size < 65536 ? 2 : size < 2 ** 24 ? 3 : 4;
    const { problem, end } = checkType(view, at);
    if (problem) return problem;
    if (Number.isNaN(end)) throw new UnknownLayout();
    at = end;
  }
  return undefined;
}
