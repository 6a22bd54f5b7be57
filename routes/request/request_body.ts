import { LoopscopeError } from "../../lib/base/errors.ts";
import type { Yield } from "../../lib/base/scheduler.ts";
import type { AppSettings } from "../app_settings.ts";
import type { AppContext } from "../context.ts";
import { type BodyLimits, emptyBody, limitBody, limitedChunks, tooLarge } from "./limited_body.ts";
import { type Coding, decompress } from "./decompress.ts";

/** Bytes copied between two yields to other requests. */
const BYTES_PER_TURN = 2 ** 22;

/** The request's body as a stream with limits on size and slowness; `empty_body` where there is none. */
export function bodyStream(c: AppContext, settings: AppSettings, maxBytes: number): ReadableStream<Uint8Array> {
  if (codingOf(c) !== "identity") throw unsupported(c, "none");
  return sentStream(c, settings, maxBytes);
}

/** Like `bodyStream`, but still compressed if it was sent compressed. */
export function sentStream(c: AppContext, settings: AppSettings, maxBytes: number): ReadableStream<Uint8Array> {
  return limitBody(sourceOf(c, maxBytes), limitsOf(settings, maxBytes));
}

/** The whole body as bytes, with the same limits before and after decompression. */
export async function bodyBytes(c: AppContext, settings: AppSettings): Promise<Uint8Array> {
  const { maxBodyBytes } = settings;
  const coding = codingOf(c);
  if (coding === undefined) throw unsupported(c, "gzip, deflate or none");
  const atHand = coding === "identity" && !c.get("body") && c.env?.body;
  if (atHand) return held(c, atHand, maxBodyBytes);
  const sent = limitedChunks(sourceOf(c, maxBodyBytes), limitsOf(settings, maxBodyBytes));
  const bytes = await readAll(
    c,
    coding === "identity" ? sent : decompress(sent, coding, { maxBytes: maxBodyBytes, yieldTurn: c.get("yieldTurn") }),
  );
  if (bytes.length === 0) throw emptyBody();
  return bytes;
}

/** The content coding of the body; undefined if it is not supported. */
function codingOf(c: AppContext): Coding | "identity" | undefined {
  const coding = (c.req.header("content-encoding") ?? "").trim().toLowerCase().replace(/^x-(?=gzip$)/, "");
  if (coding === "" || coding === "identity") return "identity";
  return coding === "gzip" || coding === "deflate" ? coding : undefined;
}

function unsupported(c: AppContext, expected: string): LoopscopeError {
  const message = `Received Content-Encoding ${c.req.header("content-encoding")?.slice(0, 40)}; expected ${expected}`;
  return new LoopscopeError("unsupportedType", "unsupported_encoding", message);
}

function held(c: AppContext, body: Uint8Array, maxBytes: number): Uint8Array {
  if (body.length > maxBytes) throw tooLarge(body.length, maxBytes);
  c.get("budget").take(body.length);
  return body;
}

function sourceOf(c: AppContext, maxBytes: number): ReadableStream<Uint8Array> {
  const declared = Number(c.req.header("content-length"));
  if (declared > maxBytes) throw tooLarge(declared, maxBytes);
  const source = c.get("body") ?? c.req.raw.body;
  if (source === null || declared === 0) throw emptyBody();
  return source;
}

function limitsOf({ bodyIdleTimeoutMs, minBodyBytesPerS }: AppSettings, maxBytes: number): BodyLimits {
  return { maxBytes, idleTimeoutMs: bodyIdleTimeoutMs, minBytesPerS: minBodyBytesPerS };
}

/**
 * Reads a whole stream. Its bytes count against the budget of all requests until the request has ended. Chunks are
 * joined once, so memory stays under twice the body.
 */
export async function readAll(c: AppContext, stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const budget = c.get("budget");
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) {
    budget.take(chunk.length);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] : await join(chunks, c.get("yieldTurn"));
}

/** Copies in pieces and yields to other requests between them. */
async function join(chunks: readonly Uint8Array[], yieldTurn: Yield): Promise<Uint8Array> {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0, pauseAt = BYTES_PER_TURN;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
    if (at < pauseAt) continue;
    pauseAt = at + BYTES_PER_TURN;
    await yieldTurn();
  }
  return bytes;
}

/** The media type without parameters, in lower case; empty where none was sent. */
export function mediaTypeOf(c: AppContext): string {
  return (c.req.header("content-type") ?? "").split(";")[0].trim().toLowerCase();
}
