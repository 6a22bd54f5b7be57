type Bytes = Uint8Array<ArrayBuffer>;

const [VARINT, LENGTH_DELIMITED, FIXED32] = [0, 2, 5];

/**
 * Writes one protobuf message, field by field. Large contents are kept by reference, so that weights are not copied. Only
 * writing is needed, and four kinds of fields: a library for it would be larger than this.
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufMessage {
  readonly pieces: Bytes[] = [];
  length = 0;

  /** A whole number from 0 to 2^53. */
  int(field: number, value: number): this {
    this.#tag(field, VARINT);
    return this.#varint(value);
  }

  float(field: number, value: number): this {
    this.#tag(field, FIXED32);
    return this.#add(new Uint8Array(Float32Array.of(value).buffer));
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  bytes(field: number, value: Bytes): this {
    this.#tag(field, LENGTH_DELIMITED);
    this.#varint(value.length);
    return this.#add(value);
  }

  message(field: number, value: ProtobufMessage): this {
    this.#tag(field, LENGTH_DELIMITED);
    this.#varint(value.length);
    value.pieces.forEach((piece) => this.#add(piece));
    return this;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): this {
    const bytes: number[] = [];
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
    return this.#add(Uint8Array.of(...bytes, value));
  }

  #add(piece: Bytes): this {
    this.pieces.push(piece);
    this.length += piece.length;
    return this;
  }
}
