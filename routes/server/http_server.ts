import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { LoopscopeError, malformed } from "../../lib/base/errors.ts";
import { newId } from "../../lib/base/ids.ts";
import { Counter } from "../../lib/base/counter.ts";
import { createScheduler, type Yield } from "../../lib/base/scheduler.ts";
import type { ConnectionInfo } from "../context.ts";
import { problemResponse } from "../errors.ts";
import { refuseMalformedHttp } from "./malformed_http.ts";
import { bodyAtHand, toRequest } from "./to_request.ts";
import { writeResponse } from "./write_response.ts";

export interface HttpServerOptions {
  hostname: string;
  port: number;
  /** Connections at one time; further ones are closed at once. */
  maxConnections: number;
  /** Connections of one address, other than loopback. */
  maxConnectionsPerAddress: number;
  /** A head that is incomplete after this gets 408. */
  headTimeoutMs: number;
  /** Longest idle time between two requests on one connection. */
  keepAliveMs: number;
  /** A client that reads nothing of its response for this long is disconnected. */
  writeTimeoutMs: number;
}

export interface HttpServer {
  hostname: string;
  port: number;
  /** Open connections. */
  connections(): number;
  /** Resolves when the requests that are running now have finished; new ones are still accepted. */
  settled(): Promise<void>;
  /** Accepts no more connections; resolves when the running requests have finished. */
  shutdown(): Promise<void>;
}

type Fetch = (request: Request, connection: ConnectionInfo) => Response | Promise<Response>;

const MAX_HEAD_BYTES = 32_768;
const HEAD_CHECK_MS = 1000;
/** Pipelined requests of one connection. */
const MAX_PIPELINED = 32;
/** One shared error: creating one for each of many clients that disconnect at once would delay the others. */
const GONE = new LoopscopeError("cancelled", "cancelled", "The client has gone");

/**
 * Serves HTTP with limits on what a client may hold: connections, the size and time of a head, an unread response.
 * `Deno.serve` has none of these, and ends the process when connections have used up the file descriptors.
 */
export async function listen(fetch: Fetch, options: HttpServerOptions): Promise<HttpServer> {
  const yieldTurn = createScheduler();
  const running = new Set<Promise<void>>();
  const queues: RequestQueues = new WeakMap();
  const server = createServer(
    {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: options.headTimeoutMs,
      connectionsCheckingInterval: HEAD_CHECK_MS,
      keepAliveTimeout: options.keepAliveMs,
      requestTimeout: 0, // bodies have their own limits
    },
    queuePerConnection(queues, yieldTurn, (incoming, outgoing) => {
      const served = serve(fetch, incoming, outgoing, { ...options, yieldTurn }).finally(() => running.delete(served));
      running.add(served);
      return served;
    }),
  );
  server.on("clientError", (error: Error & { code?: string }, socket: Socket) => {
    // Never into a response that is being written.
    if (socket.writable && !queues.get(socket)?.length) refuseMalformedHttp(error, socket);
    else socket.destroy();
  });
  server.maxConnections = options.maxConnections;
  const sockets = boundAddresses(server, options.maxConnectionsPerAddress);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options.port, options.hostname, resolve);
  await promise;
  server.on("error", () => {}); // failing to accept one connection must not end the service
  const { address, port } = server.address() as AddressInfo;
  return {
    hostname: address,
    port,
    connections: () => sockets.size,
    settled: async () => void await Promise.all(running),
    shutdown: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeIdleConnections();
      }),
  };
}

/** For each connection, the last request in its queue and the length of the queue. */
type RequestQueues = WeakMap<Socket, { last: Promise<void>; length: number }>;
type Serve = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

/** Serves pipelined requests of one connection in order, interleaved with those of other connections. */
function queuePerConnection(
  queues: RequestQueues,
  yieldTurn: Yield,
  serve: Serve,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => {
    const queue = queues.get(incoming.socket) ?? { last: Promise.resolve(), length: 0 };
    queues.set(incoming.socket, queue);
    if (queue.length >= MAX_PIPELINED) return void incoming.destroy(); // also ends the connection
    const run = () => incoming.socket.destroyed ? undefined : serve(incoming, outgoing);
    queue.last = queue.length === 0 ? Promise.resolve(run()) : queue.last.then(yieldTurn).then(run);
    queue.length++;
    void queue.last.finally(() => queue.length--);
  };
}

async function serve(
  fetch: Fetch,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { yieldTurn, writeTimeoutMs }: HttpServerOptions & { yieldTurn: Yield },
) {
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort(GONE);
  });
  outgoing.on("error", () => gone.abort(GONE));
  const afterwards: (() => void)[] = [];
  try {
    await Promise.resolve(); // lets the parser read a body that came with the head
    const body = bodyAtHand(incoming);
    const request = toRequest(incoming, body);
    const remoteAddr = { hostname: incoming.socket.remoteAddress };
    const onResponseEnd = (run: () => void) => void afterwards.push(run);
    const response = request
      ? await fetch(request, { remoteAddr, signal: gone.signal, body, onResponseEnd, yieldTurn })
      : refusal(incoming);
    await writeResponse(response, incoming, outgoing, { signal: gone.signal, timeoutMs: writeTimeoutMs, yieldTurn });
  } catch {
    // The client has gone, or the body failed: a partial response must not look complete.
    outgoing.destroy();
  } finally {
    for (const run of afterwards) run();
  }
}

/** The response to a message that cannot be turned into a `Request`. */
function refusal({ url = "" }: IncomingMessage): Response {
  const message = "Received a request without a usable address, method or header; expected a short path and one Host";
  const requestId = newId<string>("req");
  const response = problemResponse(malformed("invalid_request", message), { path: url.slice(0, 200), requestId });
  response.headers.set("X-Request-Id", requestId);
  return response;
}

/** Tracks open connections and closes those beyond the limit of one address. */
function boundAddresses(server: Server, most: number): Set<Socket> {
  const sockets = new Set<Socket>();
  const counts = new Counter();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    counts.add(address, 1);
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      counts.add(address, -1);
    });
    socket.on("error", () => {});
    if (counts.of(address) > most && !isThisMachine(address)) socket.destroy();
  });
  return sockets;
}

/** Loopback has no limit of its own: a proxy on this machine brings the connections of all clients. */
function isThisMachine(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(address);
}
