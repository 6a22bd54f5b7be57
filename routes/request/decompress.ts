import { LoopscopeError, malformed } from "../../lib/base/errors.ts";
import type { Yield } from "../../lib/base/scheduler.ts";
import { tooLarge } from "./limited_body.ts";

export type Coding = "gzip" | "deflate";

/** Bytes given to the decompressor at once; its output is at most about a thousand times as large. */
const PIECE_BYTES = 1024;
/** Numbers compress to a half, at best to a tenth; a far higher ratio is an attack. */
const MAX_RATIO = 32;
/** Up to this many bytes any ratio is accepted. */
const FREE_BYTES = 2 ** 20;
/** Bytes between two yields to other requests. */
const BYTES_PER_TURN = 2 ** 18;

/**
 * Decompresses chunks to at most `maxBytes`. Throws `body_too_large` or `body_too_compressed` before more is
 * unpacked, and `invalid_encoding` for damaged data.
 */
export async function* decompress(
  chunks: AsyncIterable<Uint8Array>,
  coding: Coding,
  { maxBytes, yieldTurn }: { maxBytes: number; yieldTurn: Yield },
): AsyncGenerator<Uint8Array> {
  const seen = { sent: 0 };
  let total = 0;
  let sinceTurn = 0;
  try {
    for await (const chunk of ReadableStream.from(cut(chunks, seen)).pipeThrough(new DecompressionStream(coding))) {
      total += chunk.length;
      if (total > maxBytes) throw tooLarge(`more than ${maxBytes} unpacked`, maxBytes);
      if (total > Math.max(FREE_BYTES, MAX_RATIO * seen.sent)) throw tooCompressed(seen.sent, total);
      yield chunk;
      sinceTurn += chunk.length;
      if (sinceTurn < BYTES_PER_TURN) continue;
      sinceTurn = 0;
      await yieldTurn();
    }
  } catch (cause) {
    if (cause instanceof LoopscopeError) throw cause;
    throw malformed("invalid_encoding", `Received a body that is not one complete ${coding} stream; expected one`, {
      cause,
    });
  }
}

async function* cut(
  chunks: AsyncIterable<Uint8Array>,
  seen: { sent: number },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const piece = chunk.slice(at, at + PIECE_BYTES);
      seen.sent += piece.length;
      yield piece;
    }
  }
}

function tooCompressed(sent: number, total: number): LoopscopeError {
  const message = `Received ${sent} bytes that unpack to ${total}; expected at most ${MAX_RATIO} times as many or ` +
    `${FREE_BYTES}: send it uncompressed`;
  return new LoopscopeError("tooLarge", "body_too_compressed", message);
}
