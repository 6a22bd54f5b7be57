/** A tag's value: a group, a list of unnamed groups, a number (float64), a text, or raw elements. */
export type DmTag = { [name: string]: DmTag } | DmTag[] | number | string | DmElements;

export interface DmElements {
  /** Code of the element type: 2 int16, 3 int32, 4 uint16, 5 uint32, 6 float32, 7 float64, … */
  type: number;
  length: number;
  bytes: Uint8Array;
}

/** A DigitalMicrograph file of these tags; numbers in the byte order that is asked for, the structure in big endian. */
export function writeDm(root: { [name: string]: DmTag }, { version, little }: { version: 3 | 4; little: boolean }) {
  const out: number[] = [];
  const wide = version === 4;
  const big = (value: number, bytes: number, into = out) => {
    for (let i = bytes - 1; i >= 0; i--) into.push(Math.floor(value / 256 ** i) % 256);
  };
  const count = (value: number, into: number[]) => big(value, wide ? 8 : 4, into);
  const group = (tags: [string, DmTag][], into: number[]) => {
    into.push(0, 0);
    count(tags.length, into);
    for (const [name, value] of tags) tag(name, value, into);
  };
  const tag = (name: string, value: DmTag, into: number[]) => {
    const isGroup = typeof value === "object" && !("bytes" in value);
    into.push(isGroup ? 20 : 21);
    big(name.length, 2, into);
    into.push(...new TextEncoder().encode(name));
    const content: number[] = [];
    if (isGroup) group(Array.isArray(value) ? value.map((each) => ["", each]) : Object.entries(value), content);
    else data(value as number | string | DmElements, content);
    if (wide) big(content.length, 8, into);
    for (const byte of content) into.push(byte);
  };
  const data = (value: number | string | DmElements, into: number[]) => {
    into.push(...new TextEncoder().encode("%%%%"));
    const words = (info: number[]) => (count(info.length, into), info.forEach((word) => count(word, into)));
    if (typeof value === "number") {
      words([7]);
      const bytes = new DataView(new ArrayBuffer(8));
      bytes.setFloat64(0, value, little);
      into.push(...new Uint8Array(bytes.buffer));
    } else if (typeof value === "string") {
      words([20, 4, value.length]);
      for (const letter of value) {
        const code = letter.charCodeAt(0);
        into.push(...(little ? [code & 255, code >> 8] : [code >> 8, code & 255]));
      }
    } else {
      words([20, value.type, value.length]);
      for (const byte of value.bytes) into.push(byte);
    }
  };
  big(version, 4);
  count(0, out);
  big(little ? 1 : 0, 4);
  group(Object.entries(root), out);
  out.push(0, 0, 0, 0, 0, 0, 0, 0);
  return Uint8Array.from(out);
}
