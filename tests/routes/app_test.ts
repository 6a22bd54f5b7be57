import { ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { postJson, testApp } from "./support/test_app.ts";

Deno.test("an unknown path is 404 with a problem", async () => {
  const problem = await testApp().problem(404, "/v1/nothing");
  assertEquals(problem.code, "unknown_path");
  assertEquals(problem.instance, "/v1/nothing");
});

Deno.test("a known path with another method is 405 and says which are allowed", async () => {
  const app = testApp();
  for (
    const [path, method, allow] of [
      ["/v1/cubes", "PUT", "GET, HEAD, POST"],
      ["/v1/cubes/x", "POST", "DELETE, GET, HEAD, PATCH"],
      ["/predict", "GET", "POST"],
      ["/v1/models/m/aliases/a", "GET", "DELETE, PUT"],
    ]
  ) {
    const answer = await app.request(path, { method });
    assertEquals(answer.status, 405);
    assertEquals(answer.headers.get("allow"), allow);
    assertEquals((await answer.json()).code, "method_not_allowed");
  }
});

Deno.test("OPTIONS says which methods a path takes", async () => {
  const answer = await testApp().request("/v1/cubes", { method: "OPTIONS" });
  assertEquals([answer.status, answer.headers.get("allow")], [204, "GET, HEAD, POST"]);
});

Deno.test("HEAD is GET without its body", async () => {
  const answer = await testApp().request("/healthz", { method: "HEAD" });
  assertEquals([answer.status, await answer.text()], [200, ""]);
});

Deno.test("a request id is taken, or made where it is absent or odd", async () => {
  const app = testApp();
  for (const plain of ["lab-7:a.b_c", "Root=1-67891233-abcdef", "aGVsbG8+/w=="]) {
    const given = await app.request("/healthz", { headers: { "X-Request-Id": plain } });
    assertEquals(given.headers.get("x-request-id"), plain);
  }
  for (const odd of ["a b", "x".repeat(129), '"', "<script>"]) {
    const made = await app.request("/healthz", { headers: { "X-Request-Id": odd } });
    assert.match(made.headers.get("x-request-id")!, /^req_[0-9a-z]{26}$/);
  }
});

Deno.test("the system says what a request may bring", async () => {
  const { limits } = await (await testApp({ settings: { maxBodyBytes: 1000, maxWaitMs: 9000 } }).request("/v1/system"))
    .json();
  assertEquals([limits.maxBodyBytes, limits.maxWaitSeconds], [1000, 9]);
});

Deno.test("each request is logged once with its id, route, status and caller", async () => {
  const app = testApp();
  await app.request("/v1/cubes/none", { headers: { "X-Request-Id": "abc" } }, {
    remoteAddr: { hostname: "127.0.0.1" },
  });
  const lines = app.log.filter(({ event }) => event === "request");
  assertEquals(lines.length, 1);
  const { requestId, method, path, status, caller } = lines[0].fields;
  assertEquals([requestId, method, path, status, caller], ["abc", "GET", "/v1/cubes/none", 404, "address:127.0.0.1"]);
});

Deno.test("an unexpected failure is 500, logged with its stack and shown without it", async () => {
  const app = testApp({
    services: {
      system: {
        describe: () => {
          throw new TypeError("secret /etc/passwd");
        },
        ready: () => ({ ready: true }),
        healthy: () => ({ ready: true }),
      },
    },
  });
  const problem = await app.problem(500, "/v1/system");
  assert.ok(!JSON.stringify(problem).includes("secret"));
  const [line] = app.log.filter(({ level }) => level === "error");
  assertEquals(line.fields.message, "secret /etc/passwd");
  assert.match(String(line.fields.stack), /app_test\.ts/);
});

Deno.test("every answer forbids scripts, sniffing and framing", async () => {
  const app = testApp();
  for (const path of ["/healthz", "/v1/nothing", "/openapi.json"]) {
    const { headers } = await app.request(path);
    assertEquals(headers.get("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
  }
  const page = (await app.request("/docs")).headers.get("content-security-policy")!;
  assert.ok(page.includes("script-src 'self'") && !page.includes("unsafe"));
});

Deno.test("readyz is 503 with Retry-After while draining, healthz stays 200", async () => {
  const ready = { ready: false, reason: "draining" };
  const app = testApp({ services: { system: { describe: () => ({}), ready: () => ready, healthy: () => ready } } });
  const answer = await app.request("/readyz");
  assertEquals([answer.status, answer.headers.get("retry-after")], [503, "2"]);
  assert.match((await answer.json()).detail, /draining/);
  assertEquals((await app.request("/healthz")).status, 200);
});

Deno.test("methods and paths that somebody makes up are one label each", async () => {
  const app = testApp();
  for (const method of ["BREW", "ABC", "get", "X"]) await app.request(`/made/up/${method}`, { method });
  const text = await (await app.request("/metrics")).text();
  const series = text.split("\n").filter((line) => line.startsWith("loopscope_http_requests_total{"));
  assertEquals(series.length, 2, series.join("\n")); // GET is what Request makes of get
  assert.match(series.join("\n"), /method="OTHER",route="unmatched",status="404"\} 3/);
});

Deno.test("metrics count requests by route and status", async () => {
  const app = testApp();
  await app.request("/v1/cubes/a");
  await app.request("/v1/cubes/b");
  await app.request("/nowhere");
  const text = await (await app.request("/metrics")).text();
  assert.match(text, /loopscope_http_requests_total\{method="GET",route="\/v1\/cubes\/\{id\}",status="404"\} 2/);
  assert.match(text, /loopscope_http_requests_total\{method="GET",route="unmatched",status="404"\} 1/);
});

Deno.test("the page's files are served with a tag, and only by GET", async () => {
  const asset = { body: new TextEncoder().encode("<p>hello</p>"), contentType: "text/html; charset=utf-8", tag: "t1" };
  const app = testApp({ page: (path) => path === "/" ? asset : undefined });
  const answer = await app.request("/");
  assertEquals([answer.status, await answer.text()], [200, "<p>hello</p>"]);
  assertEquals((await app.request("/", { headers: { "If-None-Match": '"t1"' } })).status, 304);
  const posted = await app.request("/", { method: "POST" });
  assertEquals([posted.status, posted.headers.get("allow")], [405, "GET, HEAD"]);
});

Deno.test("an unknown path is answered with the one that was meant, and as a URI", async () => {
  const app = testApp();
  assertEquals((await app.problem(404, "/v1/cubes/")).detail, "Received /v1/cubes/; expected /v1/cubes");
  assertEquals((await app.problem(404, "/v1//cubes")).detail, "Received /v1//cubes; expected /v1/cubes");
  assertEquals((await app.problem(404, "/nowhere/")).detail, "Received /nowhere/; expected a path of /docs");
  assertEquals((await app.problem(404, "/v1/cubes/a%20b%00")).instance, "/v1/cubes/a%20b%00");
});

Deno.test("a foreign web page cannot change anything, the service's own can", async () => {
  const app = testApp();
  const from = (origin: string) => app.request("/predict", postJson({}, { Origin: origin }));
  assertEquals((await (await from("https://evil.example")).json()).code, "foreign_origin");
  assertEquals((await (await from("null")).json()).code, "foreign_origin");
  assertEquals((await from("http://localhost")).status, 422);
  const atPort443 = (origin: string) => app.request("http://localhost:443/predict", postJson({}, { Origin: origin }));
  assertEquals((await atPort443("https://localhost")).status, 422, "a proxy that speaks TLS and names the port");
  assertEquals((await atPort443("http://localhost")).status, 403);
  assertEquals((await atPort443("https://localhost:8443")).status, 403);
});

Deno.test("without keys a foreign host name is refused, since it may have been rebound", async () => {
  const app = testApp();
  for (const host of ["localhost:8080", "127.0.0.1", "[::1]:8080", "192.168.1.7"]) {
    assertEquals((await app.request(`http://${host}/v1/cubes`)).status, 200, host);
  }
  const answer = await app.request("http://rebound.example/v1/cubes");
  assertEquals([answer.status, (await answer.json()).code], [403, "unknown_host"]);
});

Deno.test("cross-origin reading is off unless one origin is allowed", async () => {
  const origin = "https://lab.example";
  const closed = await testApp().request("/v1/cubes", { headers: { Origin: origin } });
  assertEquals(closed.headers.get("access-control-allow-origin"), null);
  const open = await testApp({ settings: { corsOrigin: origin } }).request("/v1/cubes", {
    headers: { Origin: origin },
  });
  assertEquals(open.headers.get("access-control-allow-origin"), origin);
});

Deno.test("the allowed origin may use every method and header, and read what answers say", async () => {
  const origin = "https://lab.example";
  const app = testApp({ settings: { corsOrigin: origin } });
  const wanted = "authorization,idempotency-key,if-match,tus-resumable,upload-offset";
  for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]) {
    const headers = {
      "Origin": origin,
      "Access-Control-Request-Method": method,
      "Access-Control-Request-Headers": wanted,
    };
    const preflight = await app.request("/v1/uploads/x", { method: "OPTIONS", headers });
    assertEquals(preflight.status, 204);
    assert.ok(preflight.headers.get("access-control-allow-methods")!.split(",").includes(method), method);
    assertEquals(preflight.headers.get("access-control-allow-headers"), wanted);
  }
  const answer = await app.request("/v1/cubes", { headers: { Origin: origin } });
  const exposed = answer.headers.get("access-control-expose-headers")!;
  for (const name of ["Location", "ETag", "Upload-Offset", "Content-Location", "X-Request-Id"]) {
    assert.ok(exposed.split(",").includes(name), name);
  }
  const options = await app.request("/v1/uploads", { method: "OPTIONS", headers: { Origin: origin } });
  assert.match(options.headers.get("tus-extension")!, /creation/);
  assertEquals(options.headers.get("access-control-allow-origin"), origin);
});

Deno.test("a request over its time ends with 503 and its work is told", async () => {
  let told: AbortSignal | undefined;
  const services = testApp().services;
  const app = testApp({
    settings: { requestTimeoutMs: 20 },
    services: {
      predictions: {
        ...services.predictions,
        predict: (_name, _version, _request, caller) => {
          told = caller.signal;
          return new Promise(() => {});
        },
      },
    },
  });
  const problem = await app.problem(503, "/predict", postJson({ model: "mean", inputs: [[1, 2], [3, 4]] }));
  assertEquals(problem.code, "request_timeout");
  assert.ok(told?.aborted);
});

Deno.test("what comes of a body after its request's time counts for nobody", async () => {
  const settings = { requestTimeoutMs: 20, maxBodyBytes: 1000, maxBufferedBytes: 1000 };
  const app = testApp({ settings });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const headers = { "Content-Type": "application/json" };
  const late = app.problem(503, "/predict", { method: "POST", headers, body: readable });
  await writer.write(new TextEncoder().encode("["));
  assertEquals((await late).code, "request_timeout");
  await writer.write(new Uint8Array(900).fill(32)).catch(() => {});
  await writer.close().catch(() => {});
  const body = JSON.stringify({ model: "mean", inputs: [[1, 2], [3, 4]] }).padEnd(900);
  assertEquals((await app.request("/predict", { method: "POST", headers, body })).status, 200);
});

Deno.test("an answer that is ready after its request's time is not held", async () => {
  const { predictions } = testApp().services;
  const { promise, resolve } = Promise.withResolvers<ResultTree>();
  const large = { ...predictions, predict: () => promise };
  const app = testApp({ settings: { requestTimeoutMs: 20 }, services: { predictions: large } });
  const afterwards: (() => void)[] = [];
  const onResponseEnd = (run: () => void) => void afterwards.push(run);
  const init = postJson({ model: "mean", inputs: [[1, 2], [3, 4]] });
  assertEquals((await app.request("/predict", init, { onResponseEnd })).status, 503);
  resolve({ outputs: ndArray(new Float32Array(100_000), [100_000]) });
  await new Promise((done) => setTimeout(done, 20));
  assertEquals(afterwards.length, 0, "nobody would give it back");
});
