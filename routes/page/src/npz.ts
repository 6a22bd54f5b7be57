import type { Grid } from "./arrays.ts";

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;

/** Reads an NPZ archive (a zip of NPY files) into arrays by member name without `.npy`. */
export async function readNpz(bytes: Uint8Array<ArrayBuffer>): Promise<Map<string, Grid>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw new Error("The answer is not an NPZ archive");
  const arrays = new Map<string, Grid>();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== DIRECTORY_ENTRY) throw new Error("The archive's directory is damaged");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((k) => view.getUint16(at + k, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    arrays.set(name.replace(/\.npy$/, ""), readNpy(await member(bytes, view, at)));
    at += 46 + nameLength + extraLength + commentLength;
  }
  return arrays;
}

async function member(bytes: Uint8Array<ArrayBuffer>, view: DataView, entry: number): Promise<Uint8Array<ArrayBuffer>> {
  const method = view.getUint16(entry + 10, true);
  const size = view.getUint32(entry + 20, true);
  const local = view.getUint32(entry + 42, true);
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const packed = bytes.subarray(start, start + size);
  if (method === 0) return packed;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads one little-endian, C-ordered NPY array of numbers as float32. */
export function readNpy(bytes: Uint8Array<ArrayBuffer>): Grid {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] > 1;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const kind = /'descr':\s*'[<|]([a-z]\d)'/.exec(header)?.[1] ?? "";
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").filter((n) => n.trim()).map(Number);
  const read = READERS[kind];
  if (!read) throw new Error(`Arrays of kind ${kind || "unknown"} cannot be shown`);
  const size = shape.reduce((product, n) => product * n, 1);
  const body = bytes.slice(start + length, start + length + size * Number(kind[1]));
  return { shape, data: read(body.buffer) };
}

const READERS: Record<string, (buffer: ArrayBuffer) => Float32Array<ArrayBuffer>> = {
  f4: (buffer) => new Float32Array(buffer),
  f8: (buffer) => Float32Array.from(new Float64Array(buffer)),
  i4: (buffer) => Float32Array.from(new Int32Array(buffer)),
  u1: (buffer) => Float32Array.from(new Uint8Array(buffer)),
  b1: (buffer) => Float32Array.from(new Uint8Array(buffer)),
};

/** A float32 NPY file, for exports. */
export function writeNpy({ shape, data }: Grid): Blob {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}${
    shape.length === 1 ? "," : ""
  }), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + "\n";
  const head = new Uint8Array(10);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  new DataView(head.buffer).setUint16(8, padded.length, true);
  return new Blob([head, padded, data], { type: "application/octet-stream" });
}
