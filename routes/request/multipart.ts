import { Buffer } from "node:buffer";
import { malformed } from "../../lib/base/errors.ts";

export interface Part {
  /** Name of the form field. */
  name: string;
  filename?: string;
  contentType: string;
  /** Read it before asking for the next part; the rest is skipped. */
  body: AsyncGenerator<Uint8Array>;
}

export interface MultipartOptions {
  /** Called with names and contents in order, without the boundary: what identifies the form. */
  observe?: (bytes: Uint8Array) => void;
}

const MAX_HEADER_BYTES = 16_384;
const MAX_PARTS = 32;
const HEADERS_END = Buffer.from("\r\n\r\n");

/** The boundary of a `multipart/form-data` content type; throws `invalid_multipart` where there is none. */
export function boundaryOf(contentType: string): string {
  const match = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))(?=\s*(?:;|$))/i.exec(contentType);
  if (!match) throw broken("no boundary in Content-Type; expected boundary=…");
  return match[1] ?? match[2];
}

/**
 * The parts of a form (RFC 7578) as they arrive, with one chunk in memory. Throws `invalid_multipart` for a body that
 * ends early, headers over 16 KiB or more than 32 parts. Not `@fastify/busboy`: its parts are Node streams told by
 * events, so that the order of fields, the backpressure and these limits would still be ours.
 */
export async function* readMultipart(
  source: AsyncIterable<Uint8Array>,
  boundary: string,
  { observe = () => {} }: MultipartOptions = {},
): AsyncGenerator<Part> {
  const window = createWindow(source);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  window.prepend("\r\n"); // makes the first boundary look like the others
  for await (const _preamble of takeUntil(window, delimiter)) { /* ignored, as the standard says */ }
  for (let count = 1; !await atEnd(window); count++) {
    if (count > MAX_PARTS) throw broken(`more than ${MAX_PARTS} parts`);
    const header = await readHeader(window);
    observe(Buffer.from(`${header.name}\0${header.filename ?? ""}\0`));
    const body = observed(takeUntil(window, delimiter), observe);
    yield { ...header, body };
    for await (const _rest of body) { /* skips what the reader left */ }
  }
}

/** Bytes that have arrived and are not yet consumed. */
interface Window {
  bytes(): Buffer;
  take(count: number): Buffer;
  prepend(text: string): void;
  /** Waits for more; throws at the end of the body. */
  fill(): Promise<void>;
}

function createWindow(source: AsyncIterable<Uint8Array>): Window {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  return {
    bytes: () => held,
    take(count) {
      const taken = held.subarray(0, count);
      held = held.subarray(count);
      return taken;
    },
    prepend(text) {
      held = Buffer.concat([Buffer.from(text), held]);
    },
    async fill() {
      const { done, value } = await chunks.next();
      if (done) throw broken("the end of the body before the closing boundary");
      const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    },
  };
}

/** Yields everything before the delimiter and consumes the delimiter. */
async function* takeUntil(window: Window, delimiter: Buffer): AsyncGenerator<Buffer> {
  while (true) {
    const at = window.bytes().indexOf(delimiter);
    const sure = at >= 0 ? at : window.bytes().length - delimiter.length + 1;
    if (sure > 0) yield window.take(sure);
    if (at >= 0) {
      window.take(delimiter.length);
      return;
    }
    await window.fill();
  }
}

/** After a boundary, `--` ends the form and a line break starts a part. */
async function atEnd(window: Window): Promise<boolean> {
  while (window.bytes().length < 2) await window.fill();
  const next = window.take(2).toString("latin1");
  if (next === "--") return true;
  if (next === "\r\n") return false;
  throw broken(`${JSON.stringify(next)} after a boundary; expected a line break`);
}

async function readHeader(window: Window): Promise<Omit<Part, "body">> {
  while (window.bytes().indexOf(HEADERS_END) < 0) {
    if (window.bytes().length > MAX_HEADER_BYTES) throw broken(`part headers over ${MAX_HEADER_BYTES} bytes`);
    await window.fill();
  }
  const end = window.bytes().indexOf(HEADERS_END);
  const lines = window.take(end + HEADERS_END.length).toString("utf8").split("\r\n");
  const field = (name: string) => lines.find((line) => line.toLowerCase().startsWith(`${name}:`)) ?? "";
  const disposition = field("content-disposition");
  const parameter = (name: string) => new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, "i").exec(disposition)?.[1];
  const name = parameter("name");
  if (name === undefined) throw broken("a part without a name");
  const contentType = field("content-type").slice("content-type:".length).trim().toLowerCase();
  return { name, filename: parameter("filename"), contentType };
}

async function* observed(chunks: AsyncGenerator<Buffer>, observe: (bytes: Uint8Array) => void) {
  for await (const chunk of chunks) {
    observe(chunk);
    yield chunk as Uint8Array;
  }
}

function broken(received: string) {
  return malformed("invalid_multipart", `Received ${received}`);
}
