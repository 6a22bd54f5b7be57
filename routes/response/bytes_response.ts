import { joinBytes } from "../../lib/base/join_bytes.ts";

/** Larger bodies are streamed: `Response` copies its bytes in one go, which would block other requests. */
const LARGE_BYTES = 65_536;

/** A response of bytes with `Content-Length`; a large one is sent piece by piece, without a copy. */
export function bytesResponse(pieces: Uint8Array<ArrayBuffer>[], headers: HeadersInit, status = 200): Response {
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const body = bytes > LARGE_BYTES ? ReadableStream.from(pieces) : joinBytes(pieces);
  const response = new Response(body, { status, headers });
  response.headers.set("Content-Length", String(bytes));
  return response;
}
