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
  /** Of one address that is not this machine. */
  maxConnectionsPerAddress: number;
  /** A head that is not whole after this is answered with 408. */
  headTimeoutMs: number;
  /** Silence between two requests on one connection. */
  keepAliveMs: number;
  /** A client that takes nothing of its answer for this long is cut off. */
  writeTimeoutMs: number;
}

export interface HttpServer {
  hostname: string;
  port: number;
  /** Connections that are open. */
  connections(): number;
  /** Resolves when the requests that run now have been answered; others are taken meanwhile. */
  settled(): Promise<void>;
  /** Takes no more connections; resolves when the running requests have been answered. */
  shutdown(): Promise<void>;
}

type Fetch = (request: Request, connection: ConnectionInfo) => Response | Promise<Response>;

const MAX_HEAD_BYTES = 32_768;
const HEAD_CHECK_MS = 1000;
/** Requests sent ahead on one connection. */
const MAX_PIPELINED = 32;
/** Shared: where many clients disconnect at once, creating a reason for each would delay the others. */
const GONE = new LoopscopeError("cancelled", "cancelled", "The client has gone");

/**
 * Listens with limits on what clients may hold: connections, the size and time of a head, a response that is not read.
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
      requestTimeout: 0, // bodies have limits of their own
    },
    queuePerConnection(queues, yieldTurn, (incoming, outgoing) => {
      const served = serve(fetch, incoming, outgoing, { ...options, yieldTurn }).finally(() => running.delete(served));
      running.add(served);
      return served;
    }),
  );
  server.on("clientError", (error: Error & { code?: string }, socket: Socket) => {
    // Never into an answer that is on its way.
    if (socket.writable && !queues.get(socket)?.length) refuseMalformedHttp(error, socket);
    else socket.destroy();
  });
  server.maxConnections = options.maxConnections;
  const sockets = boundAddresses(server, options.maxConnectionsPerAddress);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options.port, options.hostname, resolve);
  await promise;
  server.on("error", () => {}); // a connection that could not be taken is not the service's end
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

/** By connection: the end of its queue of requests, and its length. */
type RequestQueues = WeakMap<Socket, { last: Promise<void>; length: number }>;
type Serve = (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;

/** Pipelined requests of one connection are served in order, with those of other connections in between. */
function queuePerConnection(
  queues: RequestQueues,
  yieldTurn: Yield,
  serve: Serve,
): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => {
    const queue = queues.get(incoming.socket) ?? { last: Promise.resolve(), length: 0 };
    queues.set(incoming.socket, queue);
    if (queue.length >= MAX_PIPELINED) return void incoming.destroy(); // and with it the connection
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
    await Promise.resolve(); // the parser goes on to what came with the head
    const body = bodyAtHand(incoming);
    const request = toRequest(incoming, body);
    const remoteAddr = { hostname: incoming.socket.remoteAddress };
    const onResponseEnd = (run: () => void) => void afterwards.push(run);
    const response = request
      ? await fetch(request, { remoteAddr, signal: gone.signal, body, onResponseEnd, yieldTurn })
      : refusal(incoming);
    await writeResponse(response, incoming, outgoing, { signal: gone.signal, timeoutMs: writeTimeoutMs, yieldTurn });
  } catch {
    // The client has gone, or the answer broke off half-way: it must not look whole.
    outgoing.destroy();
  } finally {
    for (const run of afterwards) run();
  }
}

/** The answer to what cannot be made a request of. */
function refusal({ url = "" }: IncomingMessage): Response {
  const message = "Received a request without a usable address, method or header; expected a short path and one Host";
  const requestId = newId<string>("req");
  const response = problemResponse(malformed("invalid_request", message), { path: url.slice(0, 200), requestId });
  response.headers.set("X-Request-Id", requestId);
  return response;
}

/** Keeps count of the open connections and closes those beyond an address's share. */
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

/** A proxy on this machine brings everybody's connections. */
function isThisMachine(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(address);
}
