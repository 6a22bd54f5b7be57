import { statusOf } from "../../routes/errors.ts";
import { type HttpServer, listen } from "../../routes/server/http_server.ts";
import { problemSchema } from "../../lib/schemas/problem.ts";
import { assert, assertEquals } from "../support/assert.ts";

type Fetch = Parameters<typeof listen>[0];

/** Longer than a busy machine pauses, so that only those who are slow on purpose meet them. */
const LIMITS = {
  maxConnections: 8,
  maxConnectionsPerAddress: 8,
  headTimeoutMs: 20_000,
  keepAliveMs: 2000,
  writeTimeoutMs: 20_000,
};

async function withServer(
  fetch: Fetch,
  run: (server: HttpServer) => Promise<void>,
  limits: Partial<typeof LIMITS> = {},
): Promise<void> {
  const server = await listen(fetch, { hostname: "127.0.0.1", port: 0, ...LIMITS, ...limits });
  try {
    await run(server);
  } finally {
    await server.shutdown();
  }
}

/** Sends bytes as they are and returns all that comes back until the connection ends. */
async function talk(port: number, sent: string, options: { close?: boolean } = {}): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = new TextEncoder().encode(sent);
  for (let at = 0; at < bytes.length;) {
    try {
      at += await connection.write(bytes.subarray(at));
    } catch {
      break; // closed by the service
    }
  }
  if (options.close) return "";
  let text = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  try {
    for (let got = await connection.read(buffer); got !== null; got = await connection.read(buffer)) {
      text += decoder.decode(buffer.subarray(0, got), { stream: true });
    }
  } catch {
    // reset by the service
  }
  return text;
}

async function echo(request: Request): Promise<Response> {
  return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
}

const HEAD = "Host: localhost\r\n";
const CLOSE = "Connection: close\r\n";

Deno.test("requests and answers pass unchanged: method, path, query, headers, bodies, status", () =>
  withServer(async (request) => {
    const url = new URL(request.url);
    const headers = { "x-seen": [...request.headers.keys()].filter((name) => name.startsWith("x-")).join() };
    const body = new Uint8Array(await request.arrayBuffer());
    return new Response(body, { status: 418, headers: { ...headers, "x-query": url.search } });
  }, async ({ port }) => {
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    const answer = await fetch(`http://127.0.0.1:${port}/a%20b?c=1&c=2`, {
      method: "POST",
      headers: { "x-one": "1", "x-two": "2" },
      body: sent,
    });
    assertEquals([answer.status, answer.headers.get("x-seen")], [418, "x-one,x-two"]);
    assertEquals(answer.headers.get("x-query"), "?c=1&c=2");
    assertEquals(answer.headers.get("content-length"), "60000");
    assertEquals(new Uint8Array(await answer.arrayBuffer()), sent);
  }));

Deno.test("a body in many chunks is whole, whether they come with the head or after it", () =>
  withServer(echo, async ({ port }) => {
    const chunks = Array.from({ length: 50 }, (_, i) => `${i},`);
    const body = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("") + "0\r\n\r\n";
    const head = `POST /1 HTTP/1.1\r\n${HEAD}${CLOSE}Transfer-Encoding: chunked\r\n\r\n`;
    assert.ok((await talk(port, head + body)).endsWith(`POST /1 ${chunks.join("")}`));
    const later = ReadableStream.from(chunks).pipeThrough(new TextEncoderStream());
    const answer = await fetch(`http://127.0.0.1:${port}/2`, { method: "POST", body: later });
    assertEquals(await answer.text(), `POST /2 ${chunks.join("")}`);
  }));

Deno.test("pipelined requests are answered in order; HEAD has no body", () =>
  withServer(echo, async ({ port }) => {
    const text = await talk(
      port,
      `GET /1 HTTP/1.1\r\n${HEAD}\r\nHEAD /2 HTTP/1.1\r\n${HEAD}\r\nGET /3 HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`,
    );
    assertEquals(text.match(/HTTP\/1\.1 200 OK|GET \/\d/g), [
      "HTTP/1.1 200 OK",
      "GET /1",
      "HTTP/1.1 200 OK",
      "HTTP/1.1 200 OK",
      "GET /3",
    ]);
  }));

Deno.test("requests sent ahead are answered one at a time, and too many of them end the connection", async () => {
  let running = 0, most = 0, answered = 0;
  await withServer(async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running--;
    return new Response(`answer ${++answered} `);
  }, async ({ port }) => {
    const request = `GET / HTTP/1.1\r\n${HEAD}\r\n`;
    const text = await talk(port, request.repeat(20) + `GET / HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`);
    const numbers = [...text.matchAll(/answer (\d+) /g)].map((match) => Number(match[1]));
    assertEquals([numbers, most], [Array.from({ length: 21 }, (_, i) => i + 1), 1]);
    const cut = await talk(port, request.repeat(500));
    assert.ok([...cut.matchAll(/answer/g)].length < 500);
  });
});

for (
  const [what, sent] of [
    ["two lengths", `POST / HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde`],
    [
      "a length and chunks",
      `POST / HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    ],
    ["a negative length", `POST / HTTP/1.1\r\n${HEAD}Content-Length: -3\r\n\r\nabc`],
    ["a chunk without a length", `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n`],
    ["an absolute target", `GET http://elsewhere.example/ HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`],
    ["no words of HTTP", "hello\r\n\r\n"],
    ["a path of 16 KiB", `GET ${"/a".repeat(8192)} HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`],
    ["a head of a megabyte", `GET / HTTP/1.1\r\n${HEAD}X: ${"a".repeat(1 << 20)}\r\n\r\n`],
  ]
) {
  Deno.test(`${what} gets no answer but a refusal, and others are served`, () =>
    withServer(echo, async ({ port }) => {
      const text = await talk(port, sent);
      assert.ok(text === "" || /^HTTP\/1\.1 4\d\d /.test(text), text.slice(0, 100));
      assert.match(await talk(port, `GET /next HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`), /GET \/next/);
    }));
}

Deno.test("what is no request gets a problem that says so", () =>
  withServer(echo, async ({ port }) => {
    const refused: [string, number, string][] = [
      ["hello\r\n\r\n", 400, "invalid_http"],
      [`POST / HTTP/1.1\r\n${HEAD}Content-Length: 3\r\nContent-Length: 9\r\n\r\nabc`, 400, "invalid_http"],
      [`GET / HTTP/1.1\r\n${HEAD}X: ${"a".repeat(40_000)}\r\n\r\n`, 431, "head_too_large"],
      [`GET / HTTP/1.1\r\n${HEAD}`, 408, "head_too_slow"],
    ];
    for (const [sent, status, code] of refused) {
      const [head, body] = (await talk(port, sent)).split("\r\n\r\n");
      assert.match(head, new RegExp(`^HTTP/1.1 ${status} [^]*problem\\+json[^]*Content-Length: ${body.length}\r`));
      const problem = problemSchema.parse(JSON.parse(body));
      assertEquals([problem.status, problem.code], [status, code]);
    }
  }, { headTimeoutMs: 100 }));

Deno.test("bytes that are no request, sent while an answer is on its way, end the connection", () =>
  withServer(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return new Response("late");
  }, async ({ port }) => {
    assertEquals(await talk(port, `GET / HTTP/1.1\r\n${HEAD}\r\nhello\r\n\r\n`), "");
  }));

Deno.test("an address may be whole, TRACE is a method that nobody takes, two hosts are refused with a problem", () =>
  withServer(echo, async ({ port }) => {
    assert.match(await talk(port, `GET http://localhost/whole?a=1 HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`), /GET \/whole /);
    assert.match(await talk(port, `TRACE /x HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`), /X-TRACE \/x /);
    for (
      const bad of [
        `GET / HTTP/1.1\r\n${HEAD}${HEAD}`,
        "GET / HTTP/1.1\r\nHost: a b\r\n",
        `OPTIONS * HTTP/1.1\r\n${HEAD}`,
      ]
    ) {
      const answer = await talk(port, `${bad}${CLOSE}\r\n`);
      assert.match(answer, /^HTTP\/1.1 400 .*application\/problem\+json.*"code":"invalid_request"/s, bad);
    }
  }));

Deno.test("a head that does not come is answered with 408", () =>
  withServer(echo, async ({ port }) => {
    assert.match(await talk(port, `GET / HTTP/1.1\r\nX-Slow: `), /^HTTP\/1\.1 408 /);
  }, { headTimeoutMs: 100 }));

Deno.test("connections beyond the limit are closed, and their places are free again", () =>
  withServer(echo, async (server) => {
    const held = await Promise.all(
      Array.from({ length: 8 }, () => Deno.connect({ hostname: "127.0.0.1", port: server.port })),
    );
    while (server.connections() < 8) await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(await talk(server.port, `GET / HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`), "");
    for (const connection of held) connection.close();
    while (server.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.match(await talk(server.port, `GET /free HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`), /GET \/free/);
  }));

Deno.test("the signal of a request fires when its client goes, and not when it was answered", async () => {
  const fired: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await withServer((request, { signal }) => {
    const { pathname } = new URL(request.url);
    return new Promise((answered) => {
      signal?.addEventListener("abort", () => {
        fired.push(pathname);
        assertEquals(statusOf(signal.reason), 499, "no failure of the service's");
        answered(new Response("late"));
        resolve();
      });
      if (pathname === "/quick") answered(new Response("ok"));
    });
  }, async ({ port }) => {
    assert.match(await talk(port, `GET /quick HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`), /ok/);
    await talk(port, `GET /left HTTP/1.1\r\n${HEAD}\r\n`, { close: true });
    await promise;
  });
  assertEquals(fired, ["/left"]);
});

Deno.test("a client that does not read is cut off and its answer's source cancelled", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await withServer(() => {
    const piece = new Uint8Array(1 << 16);
    return new Response(
      new ReadableStream({ pull: (controller) => controller.enqueue(piece), cancel: () => resolve() }),
    );
  }, async ({ port }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(`GET / HTTP/1.1\r\n${HEAD}\r\n`));
    await promise;
  }, { writeTimeoutMs: 200 });
});

Deno.test("an answer's end is told, whether it was read or its reader has gone", async () => {
  const ended: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await withServer((request, { onResponseEnd }) => {
    const { pathname } = new URL(request.url);
    onResponseEnd!(() => ended.push(pathname) === 2 && resolve());
    return new Response(
      pathname === "/read" ? "short" : ReadableStream.from(Array(1000).fill(new Uint8Array(1 << 16))),
    );
  }, async ({ port }) => {
    assert.match(await talk(port, `GET /read HTTP/1.1\r\n${HEAD}${CLOSE}\r\n`), /short/);
    await talk(port, `GET /left HTTP/1.1\r\n${HEAD}\r\n`, { close: true });
    await promise;
  });
  assertEquals(ended, ["/read", "/left"]);
});

Deno.test("the end of a stream is told at once when its reader has gone", () => {
  const { promise: told, resolve } = Promise.withResolvers<void>();
  return withServer((_request, { onResponseEnd, signal }) => {
    onResponseEnd!(resolve);
    // As event streams do: they end by themselves when their client goes.
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(10));
        signal!.addEventListener("abort", () => controller.close());
      },
    });
    return new Response(body);
  }, async ({ port }) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(`GET / HTTP/1.1\r\n${HEAD}\r\n`));
    await connection.read(new Uint8Array(1000));
    connection.close();
    await told;
  }, { writeTimeoutMs: 2 ** 31 - 1 });
});

Deno.test("an answer that breaks off does not look whole", () =>
  withServer(() => {
    let sent = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (sent++ > 3) controller.error(new Error("broken"));
          else controller.enqueue(new Uint8Array(1000));
        },
      }),
    );
  }, async ({ port }) => {
    await assert.rejects(async () => await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer());
  }));

Deno.test("a body that is not wanted is refused without being read to its end", () =>
  withServer(() => new Response("too large", { status: 413 }), async ({ port }) => {
    const text = await talk(port, `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1000000000\r\n\r\n${"a".repeat(1000)}`);
    assert.match(text, /^HTTP\/1\.1 413 [\s\S]*connection: close[\s\S]*too large$/i);
  }));

Deno.test("a body that ends too early is an error for its reader", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  await withServer(async (request) => {
    resolve(await request.text().then(() => "whole", () => "broken"));
    return new Response("ok");
  }, async ({ port }) => {
    await talk(port, `POST / HTTP/1.1\r\n${HEAD}Content-Length: 30\r\n\r\nabc`, { close: true });
    assertEquals(await promise, "broken");
  });
});
