import type { IncomingMessage } from "node:http";

/** Routing time grows with the length of the path. */
const MAX_TARGET_CHARACTERS = 8192;

/**
 * Converts a `node:http` request to a web `Request`; its body is a stream unless `body` is given. Undefined where the
 * target is not a path or `Host` is not a host.
 */
export function toRequest(incoming: IncomingMessage, body?: Uint8Array<ArrayBuffer>): Request | undefined {
  const url = addressOf(incoming);
  if (url === undefined) return undefined;
  const method = methodOf(incoming);
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1]);
  }
  const hasBody = mayHaveBody(method) && declaresBody(incoming);
  try {
    return new Request(url, { method, headers, body: body ?? (hasBody ? bodyOf(incoming) : null) });
  } catch {
    return undefined; // a method or header that `Request` refuses
  }
}

/**
 * The requested URL: a path, or an absolute URL (RFC 9112, 3.2.2) of the same host. More than one `Host` is refused.
 */
function addressOf({ url = "/", headers: { host = "localhost" }, rawHeaders }: IncomingMessage): string | undefined {
  const hosts = rawHeaders.filter((text, i) => i % 2 === 0 && text.toLowerCase() === "host").length;
  if (hosts > 1 || url.length > MAX_TARGET_CHARACTERS) return undefined;
  const isWhole = /^http:\/\//i.test(url);
  const address = isWhole ? url : url.startsWith("/") ? `http://${host}${url}` : "";
  if (!URL.canParse(address) || !URL.canParse(`http://${host}`)) return undefined;
  return !isWhole || new URL(address).host === new URL(`http://${host}`).host ? address : undefined;
}

/** `Request` refuses TRACE; under an unknown name it gets the 405 of any method that is not allowed. */
function methodOf({ method = "GET" }: IncomingMessage): string {
  return method === "TRACE" || method === "TRACK" ? `X-${method}` : method;
}

/** The body, if it is small and arrived with the head; otherwise undefined. */
export function bodyAtHand(incoming: IncomingMessage): Uint8Array<ArrayBuffer> | undefined {
  if (!mayHaveBody(incoming.method) || !incoming.complete || incoming.readableLength === 0) return undefined;
  const { buffer, byteOffset, byteLength } = incoming.read(incoming.readableLength); // all chunks, not only the first
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function mayHaveBody(method: string | undefined): boolean {
  return method !== "GET" && method !== "HEAD";
}

function declaresBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** A stream that reads on demand. Cancelling it leaves the connection open, so that a response can still be sent. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  let chunks: AsyncIterator<Uint8Array<ArrayBuffer>> | undefined;
  return new ReadableStream({
    async pull(controller) {
      chunks ??= incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array<ArrayBuffer>>;
      const { done, value } = await chunks.next();
      if (!done) controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      else if (incoming.complete) controller.close();
      else controller.error(new Error("The connection ended before the body was complete"));
    },
    cancel: () => void incoming.pause(),
  }, { highWaterMark: 0 });
}
