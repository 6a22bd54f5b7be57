import { LoopscopeError, malformed } from "../../lib/base/errors.ts";
import type { Yield } from "../../lib/base/scheduler.ts";
import { tooLarge } from "./limited_body.ts";

export type Coding = "gzip" | "deflate";

/** What goes into the decompressor at once: it comes out at most some thousand times as large. */
const PIECE_BYTES = 1024;
/** Numbers shrink to a half, at best to a tenth: what unpacks to far more is there to make us work. */
const MAX_RATIO = 32;
/** May be reached at any ratio. */
const FREE_BYTES = 2 ** 20;
/** Others' requests come in between. */
const BYTES_PER_TURN = 2 ** 18;

/**
 * Compressed chunks as what they stand for, never more than `maxBytes`. Throws `body_too_large` and
 * `body_too_compressed` before more is unpacked, `invalid_encoding` where the data are damaged.
 */
export async function* inflate(
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
    throw malformed("invalid_encoding", `Received a body that is not one whole ${coding} stream; expected that`, {
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
  const wanted = `at most ${MAX_RATIO} times as many or ${FREE_BYTES}: send it as it is`;
  return new LoopscopeError(
    "tooLarge",
    "body_too_compressed",
    `Received ${sent} bytes that unpack to ${total}; expected ${wanted}`,
  );
}
