import { LoopscopeError, malformed } from "../lib/base/errors.ts";

export interface BodyLimits {
  maxBytes: number;
  /** Longest silence. */
  idleTimeoutMs: number;
  /** Mean rate below which a body is cut off, measured once `idleTimeoutMs` is over. */
  minBytesPerS: number;
}

/**
 * The same bytes, never more than `maxBytes`, never slower than allowed. Fails with `empty_body`, `body_too_large`,
 * `body_too_slow` or `body_incomplete` (the client went away); the source is cancelled then.
 */
export function guardBody(source: ReadableStream<Uint8Array>, limits: BodyLimits): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  const startedMs = performance.now();
  let total = 0;
  const check = (chunk: Uint8Array) => {
    total += chunk.length;
    if (total > limits.maxBytes) throw tooLarge(`more than ${limits.maxBytes}`, limits.maxBytes);
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs > limits.idleTimeoutMs && total / elapsedMs * 1000 < limits.minBytesPerS) throw tooSlow(limits);
    return chunk;
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await readInTime(reader, limits);
        if (done && total === 0) throw emptyBody();
        if (done) controller.close();
        else controller.enqueue(check(value));
      } catch (error) {
        controller.error(error);
        await reader.cancel(error).catch(() => {});
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

export function emptyBody(): LoopscopeError {
  return malformed("empty_body", "Met no body, wanted one");
}

export function tooLarge(met: string | number, maxBytes: number): LoopscopeError {
  return new LoopscopeError("tooLarge", "body_too_large", `Met ${met} bytes, wanted at most ${maxBytes}`);
}

function tooSlow(limits: BodyLimits): LoopscopeError {
  const wanted = `wanted no silence over ${limits.idleTimeoutMs} ms and at least ${limits.minBytesPerS} bytes a second`;
  return new LoopscopeError("timeout", "body_too_slow", `The body came too slowly, ${wanted}`);
}

async function readInTime(reader: ReadableStreamDefaultReader<Uint8Array>, limits: BodyLimits) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow(limits)), limits.idleTimeoutMs);
  });
  try {
    return await Promise.race([
      reader.read().catch((cause) => {
        throw cause instanceof LoopscopeError
          ? cause
          : malformed("body_incomplete", "The body ended before it was whole", { cause });
      }),
      silence,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
