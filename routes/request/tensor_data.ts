import { LoopscopeError, malformed, unprocessable } from "../../lib/base/errors.ts";
import { type NdArray, ndArray, sizeOf } from "../../lib/base/nd_array.ts";
import type { InferInput, TensorDatatype } from "../../lib/schemas/inference_v2.ts";
import { show } from "./validate.ts";
import { readArray } from "./read_array.ts";

type Reader = (view: DataView, at: number) => number;

/** The layout of one element in a binary tensor: little-endian, as the binary tensor extension says. */
const READERS: Partial<Record<TensorDatatype, [bytes: number, read: Reader]>> = {
  FP64: [8, (view, at) => view.getFloat64(at, true)],
  FP32: [4, (view, at) => view.getFloat32(at, true)],
  FP16: [2, (view, at) => view.getFloat16(at, true)],
  BF16: [2, (view, at) => bfloat16(view.getUint16(at, true))],
  INT64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  INT32: [4, (view, at) => view.getInt32(at, true)],
  INT16: [2, (view, at) => view.getInt16(at, true)],
  INT8: [1, (view, at) => view.getInt8(at)],
  UINT64: [8, (view, at) => Number(view.getBigUint64(at, true))],
  UINT32: [4, (view, at) => view.getUint32(at, true)],
  UINT16: [2, (view, at) => view.getUint16(at, true)],
  UINT8: [1, (view, at) => view.getUint8(at)],
};
const MAX_ELEMENTS = 2 ** 22;

/** The upper half of a float32. */
function bfloat16(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

/**
 * One input tensor as numbers: from its JSON `data` (flat or nested, row-major) or from the next `binary_data_size`
 * bytes of `binary`. Throws `invalid_tensor`, `unsupported_datatype` or `tensor_too_large`.
 */
export function readTensor(input: InferInput, binary: BinaryData): NdArray {
  const { name, datatype, shape } = input;
  const reader = READERS[datatype];
  if (!reader) {
    const expected = Object.keys(READERS).join(", ");
    throw unprocessable("unsupported_datatype", `Input ${name}: received ${datatype}; expected one of ${expected}`);
  }
  const region = Object.keys(input.parameters ?? {}).find((key) => key.startsWith("shared_memory_"));
  if (region) {
    const message =
      `Input ${name}: received the parameter ${region}; expected its data in the body: there is no shared memory`;
    throw unprocessable("unsupported_parameter", message);
  }
  const size = sizeOf(shape);
  if (!(size <= MAX_ELEMENTS)) {
    const message = `Input ${name}: received ${size} elements; expected at most ${MAX_ELEMENTS}`;
    throw new LoopscopeError("tooLarge", "tensor_too_large", message);
  }
  const declared = input.parameters?.binary_data_size ?? undefined;
  if (declared !== undefined && (input.data ?? undefined) !== undefined) {
    throw fault(name, "both data and binary_data_size", "one of them");
  }
  const data = declared === undefined
    ? fromJson(input, size, reader[0])
    : fromBytes(binary.take(name, declared, size * reader[0]), reader, size);
  const at = data.findIndex((value) => value === Infinity || value === -Infinity);
  if (at >= 0) throw fault(name, `${data[at]} at element ${at}`, "finite numbers");
  return ndArray(data, shape);
}

function fromJson({ name, data, datatype }: InferInput, size: number, width: number): Float64Array {
  if (!Array.isArray(data)) throw fault(name, `data ${show(data)}`, "a list of numbers or binary_data_size");
  const flat = data.some(Array.isArray) ? readArray(data, `${name}.data`).data : data;
  if (flat.length !== size) throw fault(name, `${flat.length} values`, `${size} for its shape`);
  const whole = !datatype.startsWith("FP");
  const [least, most] = whole ? rangeOf(datatype, width) : [-Infinity, Infinity];
  const out = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const value = flat[i];
    const fits = typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value));
    if (fits) out[i] = value;
    else if (!whole && (value === null || Number.isNaN(value))) out[i] = NaN;
    else throw fault(name, `${show(value)} at element ${i}`, whole ? `whole numbers of ${datatype}` : "numbers");
  }
  return out;
}

function rangeOf(datatype: TensorDatatype, width: number): [least: number, most: number] {
  const values = 2 ** (8 * width);
  return datatype.startsWith("U") ? [0, values - 1] : [-values / 2, values / 2 - 1];
}

function fromBytes(bytes: Uint8Array, [width, read]: [number, Reader], size: number): Float64Array | Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = width === 4 ? new Float32Array(size) : new Float64Array(size);
  const exact = read === READERS.FP32![1] ? out : new Float64Array(size);
  for (let i = 0; i < size; i++) exact[i] = read(view, i * width);
  return exact;
}

/** The bytes after the JSON header, handed out to tensors in order. */
export class BinaryData {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** The bytes of the next tensor; throws unless `declared` is what its shape and datatype need. */
  take(name: string, declared: unknown, sizeBytes: number): Uint8Array {
    if (declared !== sizeBytes) {
      throw fault(name, `binary_data_size ${show(declared)}`, `${sizeBytes} for its shape and datatype`);
    }
    const left = this.bytes.length - this.#at;
    if (left < sizeBytes) throw fault(name, `${left} bytes left in the body`, `${sizeBytes}`);
    this.#at += sizeBytes;
    return this.bytes.subarray(this.#at - sizeBytes, this.#at);
  }

  /** Throws where bytes are left over. */
  end(): void {
    const left = this.bytes.length - this.#at;
    if (left > 0) throw malformed("invalid_tensor", `Received ${left} bytes after the last tensor; expected none`);
  }
}

function fault(name: string, received: string, expected: string): LoopscopeError {
  return unprocessable("invalid_tensor", `Input ${name}: received ${received}; expected ${expected}`);
}
