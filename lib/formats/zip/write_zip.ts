import { crc32 } from "node:zlib";
import { type ByteSource, bytesSource, joinSources } from "../../base/byte_source.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** 1980-01-01 00:00, the first that the format knows: no time of writing is kept. */
const [TIME, DATE] = [0, 0x21];
const VERSION = 45;
const [CHECKSUM_FOLLOWS, UTF8_NAMES] = [0x0008, 0x0800];
const IN_64 = 0xffffffff;

/**
 * A ZIP archive of stored (uncompressed) entries as a source of bytes: its length is known at once and the entries are
 * read only as they are sent, so that an archive of any size (64-bit fields throughout) needs little memory. Checksums
 * follow the entries; where they are asked for before the entry has been read, it is read for them. The same entries
 * always give the same bytes.
 * Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
export function writeZip(entries: Readonly<Record<string, ByteSource>>): ByteSource {
  const sources: ByteSource[] = [];
  const directory: ByteSource[] = [];
  let offset = 0;
  const add = (source: ByteSource) => {
    sources.push(source);
    offset += source.sizeBytes;
  };
  for (const [path, data] of Object.entries(entries)) {
    const entry = { name: new TextEncoder().encode(path), data: summed(data), offset };
    add(bytesSource(localHeader(entry)));
    add(entry.data);
    add(
      late(
        24,
        async () => fields([4, 0x08074b50], [4, await entry.data.crc()], [8, data.sizeBytes], [8, data.sizeBytes]),
      ),
    );
    directory.push(late(46 + entry.name.length + 28, async () => directoryEntry(entry, await entry.data.crc())));
  }
  const start = offset;
  directory.forEach(add);
  add(bytesSource(endOfDirectory(directory.length, start, offset - start)));
  return joinSources(sources);
}

interface Entry {
  name: Bytes;
  data: Summed;
  /** Of its local header, from the archive's start. */
  offset: number;
}

interface Summed extends ByteSource {
  crc(): Promise<number>;
}

/** Sums up the bytes as they pass in order, and reads what has not passed. */
function summed(source: ByteSource): Summed {
  const { sizeBytes } = source;
  let crc = 0, seen = 0;
  async function* read(start: number, end: number): AsyncGenerator<Bytes> {
    let at = start;
    for await (const piece of source.read(start, end)) {
      if (at <= seen && seen < at + piece.length) {
        crc = crc32(piece.subarray(seen - at), crc);
        seen = at + piece.length;
      }
      at += piece.length;
      yield piece;
    }
  }
  return {
    sizeBytes,
    read,
    async crc() {
      for await (const _ of read(seen, sizeBytes)) { /* summed up */ }
      return crc;
    },
  };
}

/** Bytes of known length that are made when they are read. */
function late(sizeBytes: number, make: () => Promise<Bytes>): ByteSource {
  return {
    sizeBytes,
    async *read(start, end) {
      yield (await make()).subarray(start, end);
    },
  };
}

function localHeader({ name }: Entry): Bytes {
  const head = fields([4, 0x04034b50], [2, VERSION], ...common(0, name), [2, 20], name);
  return join(head, fields([2, 1], [2, 16], [8, 0], [8, 0]));
}

function directoryEntry({ name, data: { sizeBytes }, offset }: Entry, crc: number): Bytes {
  const versions: Field[] = [[2, VERSION], [2, VERSION]];
  // No comment, first disk, no attributes.
  const rest: Field[] = [[2, 28], [2, 0], [2, 0], [2, 0], [4, 0], [4, IN_64]];
  const head = fields([4, 0x02014b50], ...versions, ...common(crc, name), ...rest, name);
  return join(head, fields([2, 1], [2, 24], [8, sizeBytes], [8, sizeBytes], [8, offset]));
}

/** What both headers have: flags, method, time, date, checksum, sizes, length of the name. */
function common(crc: number, name: Bytes): Field[] {
  const stored = 0;
  const about: Field[] = [[2, CHECKSUM_FOLLOWS | UTF8_NAMES], [2, stored], [2, TIME], [2, DATE]];
  return [...about, [4, crc], [4, IN_64], [4, IN_64], [2, name.length]];
}

function endOfDirectory(count: number, start: number, bytes: number): Bytes {
  const counts: Field[] = [[8, count], [8, count], [8, bytes], [8, start]];
  const end64 = fields([4, 0x06064b50], [8, 44], [2, VERSION], [2, VERSION], [4, 0], [4, 0], ...counts);
  const locator = fields([4, 0x07064b50], [4, 0], [8, start + bytes], [4, 1]);
  const few: Field[] = [[2, count], [2, count], [4, IN_64], [4, IN_64], [2, 0]];
  return join(end64, locator, fields([4, 0x06054b50], [2, 0], [2, 0], ...few));
}

type Field = [width: 2 | 4 | 8, value: number] | Bytes;

/** Little-endian numbers, and bytes as they are. */
function fields(...list: Field[]): Bytes {
  return join(...list.map((field) => field instanceof Uint8Array ? field : number(...field)));
}

function number(width: number, value: number): Bytes {
  const out = new DataView(new ArrayBuffer(8));
  out.setBigUint64(0, BigInt(value), true);
  return new Uint8Array(out.buffer, 0, width);
}

function join(...parts: Bytes[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
