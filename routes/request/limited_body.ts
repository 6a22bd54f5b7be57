import { LoopscopeError, malformed } from "../../lib/base/errors.ts";

export interface BodyLimits {
  maxBytes: number;
  /** Longest idle time between two chunks. */
  idleTimeoutMs: number;
  /** Mean rate below which a body is refused, measured after the first `idleTimeoutMs`. */
  minBytesPerS: number;
}

type Source = ReadableStream<Uint8Array>;

/**
 * The chunks of a body, limited in size and slowness. Throws `empty_body`, `body_too_large`, `body_too_slow` or
 * `body_incomplete` (the client has gone), and cancels the source then.
 */
export async function* limitedChunks(source: Source, limits: BodyLimits): AsyncGenerator<Uint8Array> {
  const next = createLimitedReader(source, limits);
  for (let chunk = await next.read(); chunk; chunk = await next.read()) yield chunk;
}

/** Like `limitedChunks`, as a stream that may be cancelled while it waits. */
export function limitBody(source: Source, limits: BodyLimits): ReadableStream<Uint8Array> {
  const next = createLimitedReader(source, limits);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const chunk = await next.read();
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      } catch (error) {
        controller.error(error);
      }
    },
    cancel: next.cancel,
  }, { highWaterMark: 0 });
}

export function emptyBody(): LoopscopeError {
  return malformed("empty_body", "Received no body; expected one");
}

export function tooLarge(received: string | number, maxBytes: number): LoopscopeError {
  return new LoopscopeError("tooLarge", "body_too_large", `Received ${received} bytes; expected at most ${maxBytes}`);
}

function tooSlow(limits: BodyLimits): LoopscopeError {
  const expected =
    `expected no silence over ${limits.idleTimeoutMs} ms and at least ${limits.minBytesPerS} bytes a second`;
  return new LoopscopeError("timeout", "body_too_slow", `The body is too slow; ${expected}`);
}

/** `read` returns the next chunk, or undefined at a proper end. */
function createLimitedReader(source: Source, limits: BodyLimits) {
  const reader = source.getReader();
  const startedMs = performance.now();
  let total = 0;
  const cancel = (reason?: unknown) => reader.cancel(reason).catch(() => {});
  async function read(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await readInTime(reader, limits);
      if (done && total === 0) throw emptyBody();
      if (done) return undefined;
      total += value.length;
      if (total > limits.maxBytes) throw tooLarge(`more than ${limits.maxBytes}`, limits.maxBytes);
      const elapsedMs = performance.now() - startedMs;
      if (elapsedMs > limits.idleTimeoutMs && total / elapsedMs * 1000 < limits.minBytesPerS) throw tooSlow(limits);
      return value;
    } catch (error) {
      void cancel(error);
      throw error;
    }
  }
  return { read, cancel };
}

async function readInTime(reader: ReadableStreamDefaultReader<Uint8Array>, limits: BodyLimits) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow(limits)), limits.idleTimeoutMs);
  });
  try {
    return await Promise.race([reader.read().catch(incomplete), silence]);
  } finally {
    clearTimeout(timer);
  }
}

function incomplete(cause: unknown): never {
  if (cause instanceof LoopscopeError) throw cause;
  throw malformed("body_incomplete", "The body ended before it was complete", { cause });
}
