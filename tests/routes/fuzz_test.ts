import fc from "fast-check";
import { assert } from "../support/assert.ts";
import { type Components, createSchemaValidator } from "./support/schema_validator.ts";
import { testApp } from "./support/test_app.ts";

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>;
  parameters?: { name: string; in: string; schema: Record<string, unknown> }[];
  requestBody?: { content: Record<string, { example?: unknown }> };
}

/** More of them with LOOPSCOPE_FUZZ_RUNS. */
const RUNS = Number(Deno.env.get("LOOPSCOPE_FUZZ_RUNS") ?? 1500);
const odd = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "",
    "0",
    "-1",
    "1e400",
    "NaN",
    "null",
    "../../etc/passwd",
    "%00",
    "%ff",
    "%",
    "a".repeat(3000),
    "latest",
  ),
  fc.integer().map(String),
  fc.double().map(String),
);
const oddJson = fc.oneof(
  fc.json({ maxDepth: 5 }),
  fc.string(),
  fc.constantFrom(
    "",
    "{",
    "[".repeat(100),
    '{"__proto__":{"model":1}}',
    '{"inputs":{"image":[[1e999]]}}',
    "1e999",
    '"\\ud800"',
  ),
  fc.array(fc.array(fc.oneof(fc.double(), fc.constant(null), fc.integer(), fc.string()))).map((inputs) =>
    JSON.stringify({ model: "mean", inputs })
  ),
);
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
const TYPES = [
  "application/json",
  "application/octet-stream",
  "application/x-npy",
  "text/plain",
  "multipart/form-data",
  "multipart/form-data; boundary=b",
  "application/json; charset=utf-16",
  ";;;",
];

/** A known request with one thing changed: what strangers and broken clients send. */
function requests(operations: [method: string, path: string, operation: Operation][]) {
  return fc.record({
    operation: fc.constantFrom(...operations),
    values: fc.array(fc.oneof(fc.constantFrom("mean", "1", "x"), odd), { minLength: 4, maxLength: 4 }),
    query: fc.dictionary(odd, odd, { maxKeys: 3 }),
    known: fc.boolean(),
    method: fc.option(fc.constantFrom(...METHODS), { freq: 4 }),
    type: fc.constantFrom(...TYPES),
    body: fc.oneof(oddJson, fc.uint8Array({ maxLength: 300 }), fc.constant("example")),
    header: fc.option(
      fc.constantFrom(
        "Prefer",
        "Accept",
        "If-None-Match",
        "Idempotency-Key",
        "Inference-Header-Content-Length",
        "X-Request-Id",
        "Last-Event-ID",
        "Content-Encoding",
      ),
    ),
    headerValue: fc.oneof(fc.constantFrom("wait=1", "*/*", "*", "10", "application/x-npz"), odd),
  });
}

type Plan = ReturnType<typeof requests> extends fc.Arbitrary<infer T> ? T : never;

function build({ operation: [method, path, { parameters = [], requestBody }], ...plan }: Plan): Request {
  let used = 0;
  const filled = path.replace(/\{[^}]+\}/g, () => encodeURIComponent(wellFormed(plan.values[used++])));
  const url = new URL(filled, "http://localhost");
  for (const [name, value] of Object.entries(plan.query)) url.searchParams.set(name, value);
  if (plan.known) {
    for (const { name } of parameters.filter((parameter) => parameter.in === "query")) {
      url.searchParams.set(name, plan.values[used++ % plan.values.length]);
    }
  }
  const chosen = plan.method ?? method.toUpperCase();
  const headers = new Headers({ "Content-Type": plan.type });
  try {
    if (plan.header) headers.set(plan.header, plan.headerValue);
  } catch { /* no header can carry it */ }
  const example = requestBody?.content["application/json"]?.example;
  const body = plan.body === "example" ? JSON.stringify(example ?? {}) : plan.body as string | Uint8Array<ArrayBuffer>;
  return new Request(url, { method: chosen, headers, body: ["GET", "HEAD"].includes(chosen) ? undefined : body });
}

function wellFormed(text: string): string {
  return text.toWellFormed().replace(/^\.{1,2}$/, "dots") || "empty";
}

Deno.test(`${RUNS} odd requests over every operation: never a 5xx, no answer but those documented`, async () => {
  const app = testApp({ settings: { heartbeatMs: 50 } });
  const document = await (await app.request("/openapi.json")).json() as Components & {
    paths: Record<string, Record<string, Operation>>;
  };
  const validate = createSchemaValidator(document);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [method, path, operation])
  );
  await fc.assert(
    fc.asyncProperty(requests(operations), async (plan) => {
      const request = build(plan);
      const answer = await app.request(request.url, request);
      const about = `${request.method} ${request.url}: ${answer.status}`;
      const text = await answer.text();
      assert.ok(answer.status < 500, `${about} ${text}\n${JSON.stringify(app.log.at(-2))}`);
      if (answer.status >= 400 && request.method !== "HEAD") {
        assert.equal(answer.headers.get("content-type"), "application/problem+json", about);
        const problem = JSON.parse(text);
        assert.ok(problem.status === answer.status && problem.code && problem.detail, about);
      }
      const [method, , { responses }] = plan.operation;
      if (request.method !== method.toUpperCase() || answer.status === 404) return;
      const documented = responses[answer.status];
      assert.ok(documented, `${about} is not documented ${text}`);
      const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
      if (!type.endsWith("json") || text === "") return;
      assert.equal(validate(documented.content![type].schema, JSON.parse(text)).join(), "", about);
    }),
    { numRuns: RUNS },
  );
});
