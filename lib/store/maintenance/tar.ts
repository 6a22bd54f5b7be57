import { LoopscopeError } from "../../base/errors.ts";

/**
 * The tar format of POSIX.1-1988 (ustar), with GNU's binary sizes above 8 GiB. Not `tar-stream`: what takes the lines here
 * are refusals (links, paths, sizes, damage), which it leaves to the caller, over Node streams.
 */
const BLOCK = 512;
const PART_BYTES = 1 << 20;

/** Writes files one after the other; `finish` adds the end that a reader demands. */
export class TarWriter {
  constructor(private readonly file: Deno.FsFile) {}

  /** `onBytes` sees what is copied. */
  async addFile(name: string, path: string, onBytes: (bytes: Uint8Array) => void): Promise<void> {
    using source = await Deno.open(path);
    const size = (await source.stat()).size;
    await this.#write(header(name, size));
    const buffer = new Uint8Array(PART_BYTES);
    let left = size;
    while (left > 0) {
      const got = await source.read(buffer.subarray(0, Math.min(left, PART_BYTES)));
      if (got === null) throw new Error(`${name} became shorter while it was read`);
      onBytes(buffer.subarray(0, got));
      await this.#write(buffer.subarray(0, got));
      left -= got;
    }
    await this.#write(new Uint8Array(padding(size)));
  }

  async addBytes(name: string, bytes: Uint8Array): Promise<void> {
    await this.#write(header(name, bytes.length));
    await this.#write(bytes);
    await this.#write(new Uint8Array(padding(bytes.length)));
  }

  async finish(): Promise<void> {
    await this.#write(new Uint8Array(2 * BLOCK));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.file.write(bytes.subarray(at));
  }
}

export interface TarEntry {
  name: string;
  size: number;
  /** The entry's bytes; must be read before the next entry is asked for. */
  parts(): AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** The entries of a tar file. Throws `archive_damaged` (unprocessable) when it is cut off or not a tar file. */
export async function* readTar(file: Deno.FsFile): AsyncGenerator<TarEntry> {
  while (true) {
    const block = await readExactly(file, BLOCK);
    if (block.every((byte) => byte === 0)) return;
    const { name, size } = parseHeader(block);
    let left = size;
    yield {
      name,
      size,
      async *parts() {
        while (left > 0) {
          const part = await readExactly(file, Math.min(left, PART_BYTES));
          left -= part.length;
          yield part;
        }
      },
    };
    if (left > 0) throw new Error(`Entry ${name} was not read to its end`);
    await readExactly(file, padding(size));
  }
}

function header(name: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  const cut = name.length <= 100 ? 0 : name.indexOf("/", name.length - 101) + 1;
  put(0, name.slice(cut));
  put(345, name.slice(0, Math.max(0, cut - 1)));
  put(100, "0000600\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  if (size < 8 ** 11) put(124, size.toString(8).padStart(11, "0") + "\0");
  else {
    block[124] = 0x80;
    new DataView(block.buffer).setBigUint64(128, BigInt(size));
  }
  put(136, "00000000000\0");
  put(156, "0");
  put(257, "ustar\0" + "00");
  put(148, checksum(block).toString(8).padStart(6, "0") + "\0 ");
  return block;
}

function parseHeader(block: Uint8Array<ArrayBuffer>): { name: string; size: number } {
  const text = (at: number, length: number) =>
    new TextDecoder().decode(block.subarray(at, at + length)).replace(/\0.*$/s, "").trim();
  if (text(257, 5) !== "ustar" || Number.parseInt(text(148, 8), 8) !== checksum(block)) throw damaged("is damaged");
  const prefix = text(345, 155);
  const size = block[124] === 0x80
    ? Number(new DataView(block.buffer).getBigUint64(block.byteOffset + 128))
    : Number.parseInt(text(124, 12), 8);
  if (!Number.isSafeInteger(size) || size < 0) throw damaged(`has an entry of ${size} bytes`);
  // Links and devices are not followed, nor made.
  if (block[156] !== 0x30 && block[156] !== 0) throw damaged(`has ${JSON.stringify(text(0, 100))}, which is no file`);
  return { name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100), size };
}

/** The sum of the header's bytes with the checksum's own field as blanks. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += block[i];
  return sum;
}

function padding(size: number): number {
  return (BLOCK - size % BLOCK) % BLOCK;
}

async function readExactly(file: Deno.FsFile, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const got = await file.read(bytes.subarray(at));
    if (got === null) throw damaged("ends too early");
    at += got;
  }
  return bytes;
}

function damaged(how: string): LoopscopeError {
  return new LoopscopeError("unprocessable", "archive_damaged", `The archive ${how}`);
}
