/** Gathers little-endian numbers and texts as bytes. */
export class LittleEndian {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  /** An unsigned integer below 2^53 in so many bytes. */
  uint(value: number, bytes: number): this {
    for (let i = 0; i < bytes; i++, value = Math.floor(value / 256)) this.#bytes.push(value % 256);
    return this;
  }

  float64(value: number): this {
    return this.add(new Uint8Array(Float64Array.of(value).buffer));
  }

  add(bytes: Iterable<number>): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** Zeros up to a multiple of `unit`. */
  pad(unit: number): this {
    while (this.#bytes.length % unit !== 0) this.#bytes.push(0);
    return this;
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
