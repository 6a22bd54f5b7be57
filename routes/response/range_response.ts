import type { ByteSource } from "../../lib/base/byte_source.ts";
import { LoopscopeError } from "../../lib/base/errors.ts";

interface ByteRange {
  start: number;
  /** Exclusive. */
  end: number;
}

/**
 * A source of bytes as a response, or the one range that is asked for (206). `If-Range` with another ETag gives the
 * whole. Throws `range_outside` (416) for a range beyond the end.
 */
export function rangeResponse(request: Headers, source: ByteSource, headers: Record<string, string>): Response {
  const { sizeBytes } = source;
  const range = rangeOf(request, headers["ETag"], sizeBytes);
  const { start, end } = range ?? { start: 0, end: sizeBytes };
  const all = { ...headers, "Accept-Ranges": "bytes", "Content-Length": String(end - start) };
  const body = ReadableStream.from(source.read(start, end));
  if (!range) return new Response(body, { headers: all });
  return new Response(body, {
    status: 206,
    headers: { ...all, "Content-Range": `bytes ${start}-${end - 1}/${sizeBytes}` },
  });
}

/** Several ranges, other units and what cannot be parsed are answered with the whole, as RFC 9110, 14.2 allows. */
function rangeOf(request: Headers, tag: string, sizeBytes: number): ByteRange | undefined {
  const ifRange = request.get("if-range");
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(request.get("range")?.trim() ?? "");
  if (!match || (ifRange !== null && ifRange.trim() !== tag)) return undefined;
  const [, first, last] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") return within({ start: Math.max(0, sizeBytes - Number(last)), end: sizeBytes }, sizeBytes);
  if (last !== "" && Number(last) < Number(first)) return undefined;
  return within(
    { start: Number(first), end: last === "" ? sizeBytes : Math.min(sizeBytes, Number(last) + 1) },
    sizeBytes,
  );
}

function within({ start, end }: ByteRange, sizeBytes: number): ByteRange {
  if (start < end) return { start, end };
  const message = `Range starts at byte ${start}; expected less than ${sizeBytes}`;
  throw new LoopscopeError("range", "range_outside", message);
}
