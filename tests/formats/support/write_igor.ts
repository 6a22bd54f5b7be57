export interface IgorDim {
  length: number;
  step?: number;
  offset?: number;
  unit?: string;
  label?: string;
  elementLabels?: string[];
}

export interface IgorMade {
  name?: string;
  /** In Igor's order, the first closest. */
  dims: IgorDim[];
  values: ArrayLike<number>;
  little?: boolean;
  /** Igor's code of the type of the values. */
  code?: number;
  unit?: string;
  note?: string;
}

type Setter = (view: DataView, at: number, value: number, little: boolean) => void;
const SETTERS: Record<number, [bytes: number, set: Setter]> = {
  2: [4, (view, at, value, le) => view.setFloat32(at, value, le)],
  3: [4, (view, at, value, le) => view.setFloat32(at, value, le)],
  4: [8, (view, at, value, le) => view.setFloat64(at, value, le)],
  8: [1, (view, at, value) => view.setInt8(at, value)],
  0x10: [2, (view, at, value, le) => view.setInt16(at, value, le)],
  0x20: [4, (view, at, value, le) => view.setInt32(at, value, le)],
  0x48: [1, (view, at, value) => view.setUint8(at, value)],
  0x50: [2, (view, at, value, le) => view.setUint16(at, value, le)],
  0x60: [4, (view, at, value, le) => view.setUint32(at, value, le)],
};
const HEAD = 384, WAVE = 64;

/** An Igor binary wave of version 5, as WaveMetrics' Technical Note 003 lays it out. Complex values come in pairs. */
export function writeIgor(made: IgorMade): Uint8Array<ArrayBuffer> {
  const { dims, values, little = true, code = 2, name = "wave0", unit = "", note = "" } = made;
  const [bytes, set] = SETTERS[code];
  const text = new TextEncoder();
  const labels = dims.map(({ label = "", elementLabels }) => {
    if (!label && !elementLabels) return new Uint8Array(0);
    const all = [label, ...(elementLabels ?? [])];
    const out = new Uint8Array(32 * all.length);
    all.forEach((each, i) => out.set(text.encode(each).subarray(0, 31), 32 * i));
    return out;
  });
  const longUnits = dims.map(({ unit = "" }) => text.encode(unit).length > 4 ? text.encode(unit) : new Uint8Array(0));
  const parts = [text.encode(note), text.encode(unit.length > 4 ? unit : ""), ...longUnits, ...labels];
  const dataBytes = values.length * bytes;
  const out = new Uint8Array(HEAD + dataBytes + parts.reduce((sum, { length }) => sum + length, 0));
  const view = new DataView(out.buffer);
  view.setInt16(0, 5, little);
  view.setInt32(4, 320 + dataBytes, little);
  view.setInt32(12, parts[0].length, little);
  view.setInt32(16, parts[1].length, little);
  longUnits.forEach((each, i) => view.setInt32(20 + 4 * i, each.length, little));
  labels.forEach((each, i) => view.setInt32(36 + 4 * i, each.length, little));
  view.setInt32(WAVE + 12, dims.reduce((product, { length }) => product * length, 1), little);
  view.setInt16(WAVE + 16, code, little);
  view.setInt16(WAVE + 26, 1, little);
  out.set(text.encode(name), WAVE + 28);
  dims.forEach(({ length, step = 1, offset = 0, unit = "" }, i) => {
    view.setInt32(WAVE + 68 + 4 * i, length, little);
    view.setFloat64(WAVE + 84 + 8 * i, step, little);
    view.setFloat64(WAVE + 116 + 8 * i, offset, little);
    if (text.encode(unit).length <= 4) out.set(text.encode(unit), WAVE + 152 + 4 * i);
  });
  if (unit.length <= 4) out.set(text.encode(unit), WAVE + 148);
  Array.from(values).forEach((value, i) => set(view, HEAD + i * bytes, value, little));
  let at = HEAD + dataBytes;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return sealIgor(out, little);
}

/** Makes the checksum right: the 16-bit words of the header sum to 0. */
export function sealIgor(bytes: Uint8Array<ArrayBuffer>, little = true): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer);
  if (bytes.length < HEAD) return bytes;
  view.setInt16(2, 0, little);
  let sum = 0;
  for (let at = 0; at < HEAD; at += 2) sum += view.getInt16(at, little);
  view.setInt16(2, -sum, little);
  return bytes;
}
