import { type ErrorJson, errorToJson, LoopscopeError } from "../../base/errors.ts";
import { joinBytes } from "../../base/join_bytes.ts";
import { type DType, isNdArray, ndArray, type NumericArray, type ResultTree } from "../../base/nd_array.ts";
import { asStoreError } from "../../store/disk_error.ts";

/**
 * The protocol on stdin and stdout of a worker: frames of `u32 headerBytes, u32 payloadBytes, JSON header, payload`,
 * little endian. Arrays in a message's `value` travel as raw bytes in the payload; the header holds `{$array: offset,
 * …}` in their place.
 */
export type WorkerMessage =
  | { type: "call"; id: number; method: string; value: ResultTree }
  | { type: "cancel"; id: number }
  | { type: "progress"; id: number; value: ResultTree }
  | { type: "result"; id: number; value: ResultTree }
  | { type: "error"; id: number; error: ErrorJson };

/** Far above any real message; a longer one means that the stream is out of sync. */
const MAX_FRAME_BYTES = 2 ** 31;
const ALIGNMENT = 8;

interface ArrayPlace {
  $array: number;
  dtype: DType;
  shape: number[];
}

function detachArrays(value: ResultTree, parts: Uint8Array[], at: { offset: number }): unknown {
  if (isNdArray(value)) {
    const bytes = new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
    const place: ArrayPlace = { $array: at.offset, dtype: value.dtype, shape: [...value.shape] };
    const padding = (ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT;
    parts.push(bytes, new Uint8Array(padding));
    at.offset += bytes.length + padding;
    return place;
  }
  if (Array.isArray(value)) return value.map((item) => detachArrays(item, parts, at));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, detachArrays(item, parts, at)]));
  }
  return value;
}

function attachArrays(value: unknown, payload: Uint8Array): ResultTree {
  if (Array.isArray(value)) return value.map((item) => attachArrays(item, payload));
  if (typeof value !== "object" || value === null) return value as ResultTree;
  if ("$array" in value) return readArray(value as ArrayPlace, payload);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, attachArrays(item, payload)]));
}

const ARRAY_TYPES = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

function readArray(place: ArrayPlace, payload: Uint8Array): ResultTree {
  const type = ARRAY_TYPES[place.dtype];
  const count = place.shape.reduce((product, length) => product * length, 1);
  const start = payload.byteOffset + place.$array;
  // A view: the payload has a buffer of its own and every array in it starts on eight bytes.
  return ndArray(new type(payload.buffer as ArrayBuffer, start, count) as NumericArray, place.shape);
}

/** A value with its arrays as one opaque run of bytes; `decodeTree` brings it back. */
export function encodeTree(value: ResultTree): Uint8Array[] {
  return encodeMessage({ type: "result", id: 0, value });
}

/** Inverse of `encodeTree`; the arrays are views of `bytes`' own copy. */
export function decodeTree(bytes: Uint8Array): ResultTree {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const headerBytes = view.getUint32(0, true);
  const message = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes))) as { value: unknown };
  return attachArrays(message.value, bytes.slice(8 + headerBytes));
}

/** A message as the byte pieces to write in order, not joined: large arrays are not copied. */
export function encodeMessage(message: WorkerMessage): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const at = { offset: 0 };
  const plain = "value" in message ? { ...message, value: detachArrays(message.value, parts, at) } : message;
  const header = new TextEncoder().encode(JSON.stringify(plain));
  const lengths = new DataView(new ArrayBuffer(8));
  lengths.setUint32(0, header.length, true);
  lengths.setUint32(4, at.offset, true);
  const head = new Uint8Array(8 + header.length);
  head.set(new Uint8Array(lengths.buffer));
  head.set(header, 8);
  return [head, ...parts.filter((part) => part.length > 0)];
}

/** Reads messages until the stream ends; throws when it ends within a frame. */
export async function* decodeMessages(stream: ReadableStream<Uint8Array>): AsyncGenerator<WorkerMessage> {
  const reader = stream.getReader();
  const source = { rest: new Uint8Array(0) };
  while (true) {
    const lengths = await readExactly(reader, source, 8);
    if (!lengths) return;
    const view = new DataView(lengths.buffer, lengths.byteOffset, 8);
    const [headerBytes, payloadBytes] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (headerBytes + payloadBytes > MAX_FRAME_BYTES) throw new Error(`A frame of ${headerBytes + payloadBytes} bytes`);
    const header = await readExactly(reader, source, headerBytes);
    const payload = await readExactly(reader, source, payloadBytes);
    if (!header || !payload) throw new Error("The stream ended within a frame");
    const message = JSON.parse(new TextDecoder().decode(header)) as WorkerMessage;
    yield "value" in message ? { ...message, value: attachArrays(message.value, payload) } : message;
  }
}

/** Exactly `count` bytes in their own buffer, or undefined at the end of the stream. */
async function readExactly(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  source: { rest: Uint8Array },
  count: number,
): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(count);
  let filled = 0;
  while (filled < count) {
    if (source.rest.length === 0) {
      const { value, done } = await reader.read();
      if (done) return undefined;
      source.rest = value;
    }
    const take = Math.min(count - filled, source.rest.length);
    bytes.set(source.rest.subarray(0, take), filled);
    source.rest = source.rest.subarray(take);
    filled += take;
  }
  return bytes;
}

export interface CallContext {
  /** Fires when the caller has cancelled. */
  signal: AbortSignal;
  progress(value: ResultTree): void;
}

export type CallHandler = (value: ResultTree, context: CallContext) => Promise<ResultTree>;

/** Bytes joined into one write: each write takes a turn of the event loop, which training may block for long. */
const JOINED_BYTES = 2 ** 18;

interface Sending {
  pieces: Uint8Array[];
  sent(): void;
  failed(error: unknown): void;
}

/** Writes messages whole and in order, joining waiting ones into few writes. */
export class MessageWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #waiting: Sending[] = [];
  #writing: Promise<void> | undefined;

  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
  }

  /** Resolves when the pipe has taken the message; rejects when the other side is gone. */
  send(message: WorkerMessage): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ pieces: encodeMessage(message), sent: resolve, failed: reject });
    this.#writing ??= this.#writeAll();
    return promise;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#writer.close();
  }

  async #writeAll(): Promise<void> {
    await Promise.resolve(); // joins messages sent in the same turn
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        for (const piece of joinSmall(batch.flatMap(({ pieces }) => pieces))) await this.#writer.write(piece);
        batch.forEach(({ sent }) => sent());
      } catch (error) {
        batch.forEach(({ failed }) => failed(error));
      }
    }
    this.#writing = undefined;
  }
}

/** The same bytes in fewer pieces; large ones are not copied. */
function* joinSmall(pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  let small: Uint8Array[] = [], bytes = 0;
  const joined = () => {
    const all = small.length === 1 ? small[0] : joinBytes(small);
    [small, bytes] = [[], 0];
    return all;
  };
  for (const piece of pieces) {
    if (bytes > 0 && bytes + piece.length > JOINED_BYTES) yield joined();
    small.push(piece);
    bytes += piece.length;
  }
  if (bytes > 0) yield joined();
}

/** Runs a worker: answers calls until stdin closes. Calls run concurrently; each handler orders its own work. */
export async function serveCalls(
  handlers: Record<string, CallHandler>,
  input: ReadableStream<Uint8Array>,
  output: WritableStream<Uint8Array>,
): Promise<void> {
  const writer = new MessageWriter(output);
  const running = new Map<number, AbortController>();
  const answer = async (id: number, method: string, value: ResultTree) => {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const handler = handlers[method];
      if (!handler) throw new LoopscopeError("internal", "unknown_method", `No method ${method}`);
      const context = {
        signal: controller.signal,
        progress: (value: ResultTree) => void writer.send({ type: "progress", id, value }),
      };
      await writer.send({ type: "result", id, value: await handler(value, context) });
    } catch (error) {
      if (!(error instanceof LoopscopeError)) console.error(error);
      await writer.send({ type: "error", id, error: errorToJson(asStoreError(error)) });
    } finally {
      running.delete(id);
    }
  };
  for await (const message of decodeMessages(input)) {
    if (message.type === "call") void answer(message.id, message.method, message.value);
    else if (message.type === "cancel") running.get(message.id)?.abort();
  }
  for (const controller of running.values()) controller.abort();
}
