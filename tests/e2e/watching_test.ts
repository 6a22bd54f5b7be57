import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";

interface Span {
  name: string;
  traceId: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

/** Collects the spans that are sent to it, as OTLP in JSON. */
function collector(spans: Span[]): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const sent = await request.json();
    for (const resource of sent.resourceSpans ?? []) {
      for (const scope of resource.scopeSpans) spans.push(...scope.spans);
    }
    return Response.json({});
  });
}

/** A request as it stands, for what `fetch` would not send. */
async function send(service: RunningService, head: string[]): Promise<void> {
  const { hostname, port } = new URL(service.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const text = [...head, `Host: ${hostname}:${port}`, "Connection: close", "", ""].join("\r\n");
  await connection.write(new TextEncoder().encode(text));
  await new Response(connection.readable).arrayBuffer();
}

Deno.test("traces carry route, status and request id; the log is a JSON object a line, whatever is sent", async () => {
  const spans: Span[] = [];
  const server = collector(spans);
  const service = await startService({
    environment: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_TIMEOUT: "2000",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    },
  });
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, "x-request-id": "seen-1" };
  assertEquals((await service.fetch("/v1/cubes/cube_none", { headers })).status, 404);
  await send(service, ["GET /a%0a%7B%22level%22:%22error%22%7D?b%0d%0a HTTP/1.1", 'X-Request-Id: a"b{}']);
  await send(service, ["PROPFIND /v1/cubes HTTP/1.1", 'User-Agent: "}\t{"level":"error"}']);
  await service.stop();
  await server.shutdown();

  const span = spans.find(({ name }) => name === "GET /v1/cubes/{id}");
  const met = Object.fromEntries(span!.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
  assertEquals([met["http.route"], Number(met["http.response.status_code"])], ["/v1/cubes/{id}", 404]);
  assertEquals([met["loopscope.request_id"], span!.traceId], ["seen-1", traceId]);

  const lines = service.log.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const strangers = service.log.filter((line) => line.includes('"level"') && !line.startsWith("{"));
  assertEquals([strangers, lines.filter(({ level }) => level !== "info")], [[], []]);
  const requests = lines.filter(({ event }) => event === "request");
  assertEquals(requests.map(({ status, method }) => `${method} ${status}`), ["GET 404", "GET 404", "PROPFIND 405"]);
  assert.ok(requests.every(({ requestId }) => /^(seen-1|req_[0-9a-z]{26})$/.test(requestId)));
  await Deno.remove(service.dataFolder, { recursive: true });
});
