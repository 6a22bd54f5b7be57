import { setImmediate } from "node:timers";
import type { IncomingMessage, ServerResponse } from "node:http";

type Chunk = ReadableStreamReadResult<Uint8Array>;

/** What a client gets to read an answer to a body that was not wanted, before its connection is closed. */
const LINGER_MS = 1000;

/**
 * Writes an answer as fast as the client reads it. Throws when the client has gone, has read nothing for the time, or the
 * body fails.
 */
export async function writeResponse(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
): Promise<void> {
  outgoing.statusCode = response.status;
  response.headers.forEach((value, name) => outgoing.setHeader(name, value));
  if (!incoming.complete) closeAfterwards(incoming, outgoing);
  if (response.body === null || incoming.method === "HEAD") {
    await response.body?.cancel();
    outgoing.end();
    return;
  }
  const reader = response.body.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    await writeBody(reader, outgoing, { signal, timeoutMs });
  } catch (error) {
    stop();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** A body that is there at once is sent with its length. */
async function writeBody(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  outgoing: ServerResponse,
  options: { signal: AbortSignal; timeoutMs: number },
): Promise<void> {
  let chunk: Chunk = await reader.read();
  if (!chunk.done) {
    const following = reader.read();
    following.catch(() => {});
    const soon = await Promise.race([following, nextTurn()]);
    if (soon?.done) {
      if (!outgoing.hasHeader("content-length")) outgoing.setHeader("content-length", chunk.value.length);
      outgoing.end(chunk.value);
      return;
    }
    await writeChunk(outgoing, chunk.value, options);
    chunk = await following;
  }
  while (!chunk.done) {
    await writeChunk(outgoing, chunk.value, options);
    chunk = await reader.read();
  }
  outgoing.end();
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)));
}

/** Resolves when the client has room for more. */
async function writeChunk(
  outgoing: ServerResponse,
  bytes: Uint8Array,
  { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
): Promise<void> {
  if (signal.aborted) throw signal.reason;
  if (outgoing.write(bytes)) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const leave = () => reject(signal.reason);
  outgoing.once("drain", resolve);
  signal.addEventListener("abort", leave, { once: true });
  const timer = setTimeout(() => reject(new Error("The client does not read")), timeoutMs);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    outgoing.off("drain", resolve);
    signal.removeEventListener("abort", leave);
  }
}

/** The rest of a body that nobody reads is not waited for. */
function closeAfterwards(incoming: IncomingMessage, outgoing: ServerResponse): void {
  outgoing.setHeader("connection", "close");
  outgoing.once("finish", () => setTimeout(() => incoming.socket.destroy(), LINGER_MS));
}
