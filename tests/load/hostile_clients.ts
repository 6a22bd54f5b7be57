import { type RunningService, startService } from "../support/running_service.ts";
import { HOSTILE_REQUESTS, type HostileRequest } from "./hostile_requests.ts";
import { footprintOf, sleep, watchHealth } from "./watch.ts";

type Attack = (service: RunningService, until: AbortSignal) => Promise<string>;

const SLOW_CLIENTS = 500;
const ASKING = 2;
const HEAD = "Host: 127.0.0.1\r\n";

/** What strangers send to a service to bring it down, while somebody else asks for `/healthz`. */
export async function hostileClients(seconds: number): Promise<void> {
  const service = await startService();
  try {
    await sleep(3000);
    const calm = watchHealth(service);
    await sleep(1000 * seconds / 2);
    console.log("nobody else", JSON.stringify(await calm()));
    for (const [name, attack] of Object.entries(ATTACKS)) {
      const health = watchHealth(service);
      const until = AbortSignal.timeout(1000 * seconds);
      const outcome = await attack(service, until).catch((error) => `ended with ${error}`);
      while (!until.aborted) await sleep(50);
      console.log(name, JSON.stringify({ outcome, healthz: await health(), ...footprintOf(service) }));
    }
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

const ATTACKS: Record<string, Attack> = {
  [`${SLOW_CLIENTS} slow heads`]: (service, until) => slowly(service, until, `GET / HTTP/1.1\r\n${HEAD}X: `),
  [`${SLOW_CLIENTS} slow bodies`]: (service, until) =>
    slowly(
      service,
      until,
      `POST /predict HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n[`,
    ),
  [`${SLOW_CLIENTS} clients that do not read`]: (service, until) =>
    slowly(service, until, `GET /openapi.json HTTP/1.1\r\n${HEAD}\r\n`.repeat(4)),
  "1 GB of brackets": (service, until) => flood(service, until, 1e9),
  "heads of 10 MB": repeated(`GET / HTTP/1.1\r\n${HEAD}X: ${"a".repeat(10_000_000)}\r\n\r\n`),
  "1000 pipelined requests": repeated(`GET /v1/models HTTP/1.1\r\n${HEAD}\r\n`.repeat(1000)),
  "wrong lengths": repeated(`POST /predict HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nContent-Length: 9\r\n\r\n[[]]`),
  "a body shorter than its length": repeated(`POST /predict HTTP/1.1\r\n${HEAD}Content-Length: 999\r\n\r\n[[]]`, 50),
  "answers of 30 MB": async (service, until) => {
    const image = Array.from({ length: 300 }, () => Array.from({ length: 300 }, (_, i) => i % 7));
    const body = JSON.stringify({ model: "simulated-film-im2spec@1", inputs: { image } });
    let bytes = 0, answers = 0;
    while (!until.aborted) {
      const answer = await service.fetch("/predict", {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
      });
      bytes += (await answer.arrayBuffer()).byteLength;
      answers++;
    }
    return `${answers} answers of ${Math.round(bytes / answers / 1e6)} MB`;
  },
  ...Object.fromEntries(Object.entries(HOSTILE_REQUESTS).map(([name, make]) => [name, asked(make)])),
};

function connect(service: RunningService): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(service.url);
  return Deno.connect({ hostname, port: Number(port) });
}

/** Many connections that begin, then send a byte now and then. Says how many the service has closed by the end. */
async function slowly(service: RunningService, until: AbortSignal, begin: string): Promise<string> {
  const connections = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => connect(service)));
  let closed = 0;
  await Promise.all(connections.map(async (connection) => {
    try {
      await connection.write(new TextEncoder().encode(begin));
      while (!until.aborted) {
        await sleep(500 + 500 * Math.random());
        await connection.write(new TextEncoder().encode(" "));
      }
    } catch {
      closed++;
    } finally {
      connection.close();
    }
  }));
  return `${closed} of ${connections.length} were closed`;
}

async function flood(service: RunningService, until: AbortSignal, bytes: number): Promise<string> {
  const piece = new Uint8Array(1 << 16).fill("[".charCodeAt(0));
  using connection = await connect(service);
  const head = `POST /predict HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
  let sent = 0;
  try {
    await connection.write(new TextEncoder().encode(head));
    while (sent < bytes && !until.aborted) {
      await writeAll(connection, new TextEncoder().encode("10000\r\n"));
      await writeAll(connection, piece);
      await writeAll(connection, new TextEncoder().encode("\r\n"));
      sent += piece.length;
    }
  } catch {
    // Closed by the service.
  }
  return `cut off after ${Math.round(sent / 1e6)} MB, ${await statusOf(connection)}`;
}

function repeated(sent: string, lingerMs = 0): Attack {
  return async (service, until) => {
    const statuses: Record<string, number> = {};
    const bytes = new TextEncoder().encode(sent);
    while (!until.aborted) {
      using connection = await connect(service);
      await writeAll(connection, bytes).catch(() => {});
      await sleep(lingerMs);
      const status = lingerMs > 0 ? "left" : await statusOf(connection);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    return JSON.stringify(statuses);
  };
}

/** The same request again and again, by a few at a time. */
function asked(make: () => HostileRequest): Attack {
  return async (service, until) => {
    const { path, init } = make();
    const statuses: Record<string, number> = {};
    await Promise.all(Array.from({ length: ASKING }, async () => {
      while (!until.aborted) {
        const status = await service.fetch(path, { ...init, signal: until }).then(async (answer) => {
          await answer.body?.cancel();
          return answer.status;
        }, () => "unanswered");
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    }));
    return JSON.stringify(statuses);
  };
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function statusOf(connection: Deno.TcpConn): Promise<string> {
  const buffer = new Uint8Array(1 << 16);
  try {
    const got = await connection.read(buffer);
    return got === null ? "closed" : new TextDecoder().decode(buffer.subarray(9, 12));
  } catch {
    return "reset";
  }
}
