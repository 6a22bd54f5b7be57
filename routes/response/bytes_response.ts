import { joinBytes } from "../../lib/base/join_bytes.ts";

/** Copying more would hold up others: `Response` copies what it is given at once. */
const LARGE_BYTES = 65_536;

/** An answer of bytes with its length; large ones are sent piece by piece as they are, without a copy. */
export function bytesResponse(pieces: Uint8Array<ArrayBuffer>[], headers: HeadersInit, status = 200): Response {
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  const body = bytes > LARGE_BYTES ? ReadableStream.from(pieces) : joinBytes(pieces);
  const response = new Response(body, { status, headers });
  response.headers.set("Content-Length", String(bytes));
  return response;
}
