import { LoopscopeError, malformed } from "../lib/base/errors.ts";
import { tooLarge } from "./guarded_body.ts";

export type Coding = "gzip" | "deflate";

/** What goes into the decompressor at once: it comes out at most some thousand times as large. */
const PIECE_BYTES = 1024;

/**
 * Compressed chunks as what they stand for, never more than `maxBytes`. Throws `body_too_large` before more is unpacked,
 * `invalid_encoding` where the data are damaged.
 */
export async function* inflate(
  chunks: AsyncIterable<Uint8Array>,
  coding: Coding,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  try {
    for await (const chunk of ReadableStream.from(cut(chunks)).pipeThrough(new DecompressionStream(coding))) {
      total += chunk.length;
      if (total > maxBytes) throw tooLarge(`more than ${maxBytes} unpacked`, maxBytes);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof LoopscopeError) throw cause;
    throw malformed("invalid_encoding", `Met a body that is not one whole ${coding} stream, wanted that`, { cause });
  }
}

async function* cut(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.slice(at, at + PIECE_BYTES);
  }
}
