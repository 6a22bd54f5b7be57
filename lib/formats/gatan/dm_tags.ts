import { unprocessable } from "../../base/errors.ts";
import type { ByteFile } from "../byte_file.ts";

/** Numbers of a tag, not read: an image's data, or a text of 16-bit characters. */
export interface DmArray {
  kind: "array";
  /** Code of the elements' type (`DM_BYTES`). */
  type: number;
  offset: number;
  length: number;
}

export interface DmGroup {
  kind: "group";
  /** Tags in order; those of a list have no names. */
  tags: [name: string, value: DmValue][];
}

export type DmValue = number | string | DmArray | DmGroup | undefined;

export interface DmFile {
  littleEndian: boolean;
  root: DmGroup;
}

/** Bytes of each simple type by its code; integers, floats, booleans and characters. */
export const DM_BYTES: Readonly<Record<number, number>> = {
  2: 2,
  3: 4,
  4: 2,
  5: 4,
  6: 4,
  7: 8,
  8: 1,
  9: 1,
  10: 1,
  11: 8,
  12: 8,
};
const STRUCT = 15, STRING = 18, ARRAY = 20;
const TAG_GROUP = 20, TAG_DATA = 21;
const MAX_TAGS = 200_000, MAX_DEPTH = 32, MAX_INFO = 4096, MAX_TEXT = 4096;

/** Whether these bytes begin a DigitalMicrograph file of version 3 or 4. */
export function isDm(first: Uint8Array): boolean {
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength);
  if (first.length < 24) return false;
  const version = view.getUint32(0);
  const order = version === 3 ? view.getUint32(8) : version === 4 ? view.getUint32(12) : 2;
  return order <= 1;
}

/**
 * The tags of a DigitalMicrograph 3 or 4 file, without its arrays. The form is described at
 * https://personal.ntu.edu.sg/cbb/info/dmformat/ and in RosettaSciIO. Throws `dm_malformed`, `file_truncated`.
 */
export function readDmTags(file: ByteFile): DmFile {
  const cursor = new Cursor(file);
  const version = cursor.uint32();
  const wide = version === 4;
  cursor.count(wide);
  const littleEndian = cursor.uint32() === 1;
  const reader = new TagReader(cursor, wide, littleEndian);
  return { littleEndian, root: reader.group(0) };
}

class TagReader {
  private left = MAX_TAGS;

  constructor(private readonly cursor: Cursor, private readonly wide: boolean, private readonly little: boolean) {}

  group(depth: number): DmGroup {
    if (depth > MAX_DEPTH) throw malformed(`Tags are nested deeper than ${MAX_DEPTH}`);
    const { cursor, wide } = this;
    cursor.skip(2); // sorted, open
    const count = cursor.count(wide);
    const tags: DmGroup["tags"] = [];
    for (let i = 0; i < count; i++) {
      if (this.left-- === 0) throw malformed(`There are more than ${MAX_TAGS} tags`);
      const kind = cursor.uint8();
      if (kind === 0) break; // the end of the file, in some files before the count is reached
      const name = cursor.text(cursor.uint16());
      if (wide) cursor.skip(8); // bytes of the tag
      if (kind === TAG_GROUP) tags.push([name, this.group(depth + 1)]);
      else if (kind === TAG_DATA) tags.push([name, this.data(name)]);
      else throw malformed(`Tag ${name.slice(0, 40)} is of kind ${kind}; expected ${TAG_GROUP} or ${TAG_DATA}`);
    }
    return { kind: "group", tags };
  }

  private data(name: string): DmValue {
    const { cursor, wide } = this;
    if (cursor.text(4) !== "%%%%") throw malformed("The data of a tag do not begin with %%%%");
    const words = cursor.count(wide);
    if (words < 1 || words > MAX_INFO) {
      throw malformed(`A tag's description has ${words} words; expected 1 to ${MAX_INFO}`);
    }
    const info = Array.from({ length: words }, () => cursor.count(wide));
    const [type] = info;
    if (type in DM_BYTES) return cursor.number(type, this.little);
    if (type === STRUCT) return void cursor.skip(structBytes(info, 1));
    if (type === STRING) return void cursor.skip(2 * info[1]);
    if (type !== ARRAY) throw malformed(`A tag has type ${type}`);
    const length = info[words - 1];
    const element = info[1];
    if (!(element in DM_BYTES)) {
      const bytes = element === STRUCT ? structBytes(info, 2) : element === STRING ? 2 * info[2] : NaN;
      return void cursor.skip(length * bytes);
    }
    const array: DmArray = { kind: "array", type: element, offset: cursor.at, length };
    // A text is an array of 16-bit numbers as well; what an image holds has this name.
    if (element === 4 && length <= MAX_TEXT && name !== "Data") return cursor.wideText(length, this.little);
    cursor.skip(length * DM_BYTES[element]);
    return array;
  }
}

/** Bytes of a struct whose description begins at word `at`: name length, fields, then (name length, type) each. */
function structBytes(info: readonly number[], at: number): number {
  const fields = info[at + 1];
  let bytes = 0;
  for (let i = 0; i < fields; i++) bytes += DM_BYTES[info[at + 3 + 2 * i]] ?? NaN;
  return bytes;
}

const WINDOW_BYTES = 65536;

/** Reads forwards through a file, some kilobytes at a time. */
class Cursor {
  at = 0;
  private view = new DataView(new ArrayBuffer(0));
  private start = 0;

  constructor(private readonly file: ByteFile) {}

  skip(bytes: number): void {
    const to = this.at + bytes;
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw malformed(`A tag claims ${bytes} bytes`);
    if (to > this.file.sizeBytes) {
      const message = `The file ends at byte ${this.file.sizeBytes}; expected bytes up to ${to}`;
      throw unprocessable("file_truncated", message);
    }
    this.at = to;
  }

  uint8(): number {
    return this.take(1).getUint8(0);
  }

  uint16(): number {
    return this.take(2).getUint16(0);
  }

  uint32(): number {
    return this.take(4).getUint32(0);
  }

  /** A count: four bytes in version 3, eight in version 4. */
  count(wide: boolean): number {
    return wide ? Number(this.take(8).getBigUint64(0)) : this.uint32();
  }

  text(length: number): string {
    const view = this.take(length);
    return new TextDecoder("latin1").decode(new Uint8Array(view.buffer, view.byteOffset, length));
  }

  wideText(length: number, little: boolean): string {
    const view = this.take(2 * length);
    let text = "";
    for (let i = 0; i < length; i++) text += String.fromCharCode(view.getUint16(2 * i, little));
    return text.replace(/\0+$/, "");
  }

  number(type: number, little: boolean): number {
    const view = this.take(DM_BYTES[type]);
    switch (type) {
      case 2:
        return view.getInt16(0, little);
      case 3:
        return view.getInt32(0, little);
      case 4:
        return view.getUint16(0, little);
      case 5:
        return view.getUint32(0, little);
      case 6:
        return view.getFloat32(0, little);
      case 7:
        return view.getFloat64(0, little);
      case 11:
        return Number(view.getBigInt64(0, little));
      case 12:
        return Number(view.getBigUint64(0, little));
      default:
        return view.getUint8(0);
    }
  }

  private take(bytes: number): DataView {
    const from = this.at;
    this.skip(bytes);
    if (from < this.start || this.at > this.start + this.view.byteLength) {
      const read = this.file.read(from, Math.max(bytes, WINDOW_BYTES));
      this.view = new DataView(read.buffer, read.byteOffset, read.byteLength);
      this.start = from;
    }
    return new DataView(this.view.buffer, this.view.byteOffset + from - this.start, bytes);
  }
}

export function malformed(message: string) {
  return unprocessable("dm_malformed", `Not a readable DM3 or DM4 file. ${message}`);
}
