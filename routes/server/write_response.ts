import type { IncomingMessage, ServerResponse } from "node:http";
import type { Yield } from "../../lib/base/scheduler.ts";

type Chunk = ReadableStreamReadResult<Uint8Array>;

/** Time for a client to read the response to a body that was refused, before its connection is closed. */
const LINGER_MS = 1000;

/** Bytes written in one turn of the scheduler. */
const PIECE_BYTES = 65_536;

export interface WriteOptions {
  /** Fires when the client has gone. */
  signal: AbortSignal;
  /** A client that reads nothing for this long is disconnected. */
  timeoutMs: number;
  /** The scheduler shared by all responses: a large one yields to others between two pieces. */
  yieldTurn: Yield;
}

/**
 * Writes a response as fast as the client reads it. Throws when the client has gone, has read nothing for
 * `timeoutMs`, or the body fails.
 */
export async function writeResponse(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: WriteOptions,
): Promise<void> {
  const { signal } = options;
  outgoing.statusCode = response.status;
  response.headers.forEach((value, name) => outgoing.setHeader(name, value));
  if (!incoming.complete) closeAfterwards(incoming, outgoing);
  if (response.body === null || incoming.method === "HEAD") {
    await response.body?.cancel();
    return await end(outgoing, options);
  }
  if (Number(response.headers.get("content-length") ?? Infinity) <= PIECE_BYTES) {
    return await end(outgoing, options, new Uint8Array(await response.arrayBuffer()));
  }
  const reader = response.body.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    await writeBody(reader, outgoing, options);
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A body that is complete after its first chunk is sent with its length. */
async function writeBody(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  outgoing: ServerResponse,
  options: WriteOptions,
): Promise<void> {
  let chunk: Chunk = await reader.read();
  if (!chunk.done) {
    const following = reader.read();
    following.catch(() => {});
    const soon = await Promise.race([following, options.yieldTurn().then(() => undefined)]);
    if (soon?.done && !outgoing.hasHeader("content-length")) outgoing.setHeader("content-length", chunk.value.length);
    await writeChunk(outgoing, chunk.value, options);
    chunk = await following;
  }
  while (!chunk.done) {
    await options.yieldTurn();
    await writeChunk(outgoing, chunk.value, options);
    chunk = await reader.read();
  }
  await end(outgoing, options);
}

/** Resolves when the client can take more. The time limit applies to each piece, so a slow reader is not cut off. */
async function writeChunk(outgoing: ServerResponse, bytes: Uint8Array, options: WriteOptions): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await options.yieldTurn();
    if (options.signal.aborted) throw options.signal.reason;
    const { promise, resolve } = Promise.withResolvers<void>();
    outgoing.once("drain", resolve);
    try {
      if (!outgoing.write(bytes.subarray(at, at + PIECE_BYTES))) await withTimeLimit(promise, options);
    } finally {
      outgoing.off("drain", resolve);
    }
  }
}

/** Resolves when everything has been handed to the socket. */
async function end(outgoing: ServerResponse, options: WriteOptions, last?: Uint8Array): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  outgoing.end(last, resolve);
  await withTimeLimit(promise, options);
}

async function withTimeLimit(done: Promise<void>, { signal, timeoutMs }: WriteOptions): Promise<void> {
  if (signal.aborted) throw signal.reason; // no event will follow
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  const timer = setTimeout(() => reject(new Error("The client does not read")), timeoutMs);
  try {
    await Promise.race([done, stopped]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", leave);
  }
}

/** Closes the connection after the response instead of waiting for the rest of an unread body. */
function closeAfterwards(incoming: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.setHeader("connection", "close");
  outgoing.once("finish", () => setTimeout(() => incoming.socket.destroy(), LINGER_MS));
}
