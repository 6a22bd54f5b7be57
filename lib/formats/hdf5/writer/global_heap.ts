import { LittleEndian, utf8 } from "./little_endian.ts";

/** The library refuses smaller ones. */
const LEAST_BYTES = 4096;
const HEADER_BYTES = 16;

/** Texts and lists of any length, to which attributes point. Source: HDF5 File Format Specification 3.0, III.E. */
export class GlobalHeap {
  readonly #objects = new LittleEndian();
  #count = 0;

  constructor(private readonly address: number) {}

  /** Length and place of an object, as an element of a variable-length type. */
  store(bytes: Iterable<number>, size: number, elements: number): Iterable<number> {
    const index = ++this.#count;
    if (index > 0xffff) throw new RangeError(`Found ${index} texts; expected at most 65535`);
    this.#objects.uint(index, 2).uint(0, 2).uint(0, 4).uint(size, 8).add(bytes).pad(8);
    return new LittleEndian().uint(elements, 4).uint(this.address, 8).uint(index, 4).toBytes();
  }

  storeText(text: string): Iterable<number> {
    const bytes = utf8(text);
    return this.store([...bytes, 0], bytes.length + 1, bytes.length + 1);
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    const used = HEADER_BYTES + this.#objects.length;
    const size = Math.max(LEAST_BYTES, used + HEADER_BYTES);
    const out = new LittleEndian().add(utf8("GCOL")).uint(1, 4).uint(size, 8).add(this.#objects.toBytes());
    out.uint(0, 8).uint(size - used, 8); // what is left
    const bytes = new Uint8Array(size);
    bytes.set(out.toBytes());
    return bytes;
  }
}
