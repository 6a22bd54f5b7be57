import type { IncomingMessage } from "node:http";

/** A request of `node:http` in the web's form; undefined where its target is no path or its `Host` no host. */
export function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { method = "GET", url = "/", headers: { host = "localhost" } } = incoming;
  if (!url.startsWith("/") || !URL.canParse(`http://${host}${url}`)) return undefined;
  const headers = new Headers();
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i], incoming.rawHeaders[i + 1]);
  }
  const hasBody = method !== "GET" && method !== "HEAD" && declaresBody(incoming);
  try {
    return new Request(`http://${host}${url}`, { method, headers, signal, body: hasBody ? bodyOf(incoming) : null });
  } catch {
    return undefined; // a method or header that the web's form does not know
  }
}

function declaresBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Reads as it is read; giving up leaves the connection open, so that an answer can still be sent. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  let chunks: AsyncIterator<Uint8Array<ArrayBuffer>> | undefined;
  return new ReadableStream({
    async pull(controller) {
      chunks ??= incoming.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array<ArrayBuffer>>;
      const { done, value } = await chunks.next();
      if (!done) controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      else if (incoming.complete) controller.close();
      else controller.error(new Error("The connection ended before the body was whole"));
    },
    cancel: () => void incoming.pause(),
  }, { highWaterMark: 0 });
}
