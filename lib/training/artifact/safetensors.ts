import { malformed, unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";

/** Bytes an element takes, by the format's dtype name. */
const ELEMENT_BYTES: ReadonlyMap<string, number> = new Map([
  ["BOOL", 1],
  ["U8", 1],
  ["I8", 1],
  ["F8_E4M3", 1],
  ["F8_E5M2", 1],
  ["I16", 2],
  ["U16", 2],
  ["F16", 2],
  ["BF16", 2],
  ["I32", 4],
  ["U32", 4],
  ["F32", 4],
  ["I64", 8],
  ["U64", 8],
  ["F64", 8],
]);
const MAX_HEADER_BYTES = 16 * 2 ** 20;

/** Float32 values, or the raw little-endian bytes of any other dtype. */
export type SafeTensor =
  | { readonly dtype: "F32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: string; readonly shape: readonly number[]; readonly data: Uint8Array };

export interface SafetensorsFile {
  tensors: Map<string, SafeTensor>;
  metadata: Record<string, string>;
}

/**
 * Reads a safetensors file (https://github.com/huggingface/safetensors#format): 8 bytes of header length, a JSON header,
 * then the tensors end to end in row-major order. Takes nothing on trust: the tensors must tile the data exactly.
 * @throws malformed `safetensors_malformed`, unprocessable `safetensors_dtype`
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes);
  const { __metadata__: metadata, ...entries } = header;
  const data = bytes.subarray(dataStart);
  const layouts = Object.entries(entries).map(([name, entry]) => readLayout(name, entry));
  checkTiling(layouts, data.length);
  const tensors = new Map(layouts.map((layout) => [layout.name, readTensor(layout, data)]));
  return { tensors, metadata: readMetadata(metadata) };
}

/** Writes tensors and metadata in the order given; PyTorch reads it under the same names. */
export function writeSafetensors(
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  metadata: Record<string, string> = {},
): Uint8Array {
  let offset = 0;
  const entries: [string, unknown][] = Object.keys(metadata).length ? [["__metadata__", metadata]] : [];
  for (const [name, { shape, data }] of tensors) {
    if (sizeOf(shape) !== data.length) throw new RangeError(`Tensor ${name}: shape [${shape}], ${data.length} values`);
    entries.push([name, { dtype: "F32", shape, data_offsets: [offset, offset += data.byteLength] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  let at = 8 + headerBytes;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

interface Layout {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < 8) throw bad(`File has ${bytes.length} bytes; expected at least 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const limit = Math.min(bytes.length - 8, MAX_HEADER_BYTES);
  if (length > limit) throw bad(`Header length is ${length} bytes, at most ${limit} fit`);
  const dataStart = 8 + Number(length);
  let header: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, dataStart));
    header = JSON.parse(text);
  } catch (cause) {
    throw malformed("safetensors_malformed", "Header is not JSON in UTF-8", { cause });
  }
  if (!isObject(header)) throw bad("Header is not a JSON object");
  checkNoDuplicateKeys(text);
  return { header, dataStart };
}

/** JSON.parse keeps the last of two equal keys; a file that shows two readers two tensors is refused. */
function checkNoDuplicateKeys(json: string): void {
  const open: Set<string>[] = [];
  for (const [token, string, colon] of json.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "}") open.pop();
    else if (colon !== undefined) {
      const key: string = JSON.parse(string);
      if (open.at(-1)?.has(key)) throw bad(`Header has the key ${JSON.stringify(key)} twice`);
      open.at(-1)?.add(key);
    }
  }
}

function readLayout(name: string, entry: unknown): Layout {
  if (!isObject(entry)) throw bad(`Tensor ${name} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const elementBytes = typeof dtype === "string" ? ELEMENT_BYTES.get(dtype) : undefined;
  if (elementBytes === undefined) {
    throw unprocessable("safetensors_dtype", `Tensor ${name} has dtype ${JSON.stringify(dtype)}; expected F32`);
  }
  if (!isCounts(shape) || shape.length > 8) throw bad(`Tensor ${name} has shape ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2) throw bad(`Tensor ${name} has offsets ${JSON.stringify(offsets)}`);
  const [begin, end] = offsets;
  const wanted = sizeOf(shape) * elementBytes;
  if (end - begin !== wanted) throw bad(`Tensor ${name} has ${end - begin} bytes; expected ${wanted} for its shape`);
  return { name, dtype: dtype as string, shape, begin, end };
}

function checkTiling(layouts: Layout[], dataBytes: number): void {
  let at = 0;
  for (const { name, begin, end } of layouts.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) throw bad(`Tensor ${name} begins at byte ${begin} of the data; expected ${at}`);
    at = end;
  }
  if (at !== dataBytes) throw bad(`Tensors take ${at} bytes, the file has ${dataBytes} after its header`);
}

function readTensor({ dtype, shape, begin, end }: Layout, data: Uint8Array): SafeTensor {
  const bytes = data.slice(begin, end);
  return dtype === "F32" ? { dtype, shape, data: new Float32Array(bytes.buffer) } : { dtype, shape, data: bytes };
}

function readMetadata(metadata: unknown): Record<string, string> {
  if (metadata === undefined) return {};
  if (!isObject(metadata)) throw bad("Metadata is not an object");
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") throw bad(`Metadata ${key} is ${JSON.stringify(value)}; expected a string`);
  }
  return metadata as Record<string, string>;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function bad(message: string) {
  return malformed("safetensors_malformed", `Safetensors: ${message}`);
}
