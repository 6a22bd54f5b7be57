import { assert, assertEquals } from "../support/assert.ts";
import { createSchemaValidator } from "./support/schema_validator.ts";
import { testApp } from "./support/test_app.ts";

interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  parameters?: ({ name: string; in: string; required: boolean } & Content)[];
  requestBody?: { required: boolean; content: Record<string, { schema: Record<string, unknown>; example?: unknown }> };
  responses: Record<
    string,
    {
      description: string;
      content?: Record<string, { schema: unknown; example?: unknown }>;
      headers?: Record<string, { $ref: string }>;
      links?: Record<string, { operationId: string; parameters: Record<string, string> }>;
    }
  >;
}

interface Content {
  schema?: Record<string, unknown>;
  content?: { "application/json": { schema: Record<string, unknown> } };
}

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, Record<string, unknown>>;
    headers: Record<string, { schema: Record<string, unknown>; required?: boolean }>;
  };
  security: Record<string, unknown>[];
}

async function openApi(): Promise<OpenApi> {
  return await (await testApp().request("/openapi.json")).json();
}

function operationsOf(document: OpenApi): [name: string, path: string, operation: Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map((
      [method, operation],
    ): [string, string, Operation] => [`${method} ${path}`, path, operation])
  );
}

Deno.test("every operation has an id of its own, a tag, a summary and its parameters", async () => {
  const document = await openApi();
  assertEquals(document.openapi, "3.1.0");
  const operations = operationsOf(document);
  assertEquals(new Set(operations.map(([, , { operationId }]) => operationId)).size, operations.length);
  for (const [name, path, { tags, summary, parameters = [], responses }] of operations) {
    assert.ok(tags.length === 1 && summary.length > 5, name);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
    const declared = parameters.filter((parameter) => parameter.in === "path");
    assertEquals(declared.map((parameter) => parameter.name).sort(), inPath, name);
    assert.ok(declared.every(({ required }) => required), name);
    assert.ok(Object.keys(responses).some((status) => status.startsWith("2")), name);
    assert.ok(responses["500"].content?.["application/problem+json"], name);
    for (const { description } of Object.values(responses)) assert.ok(description, name);
  }
});

Deno.test("every schema compiles and every $ref leads somewhere", async () => {
  const document = await openApi();
  const validate = createSchemaValidator(document);
  for (const name of Object.keys(document.components.schemas)) {
    validate({ $ref: `#/components/schemas/${name}` }, null);
  }
  for (const [name, , { requestBody, responses, parameters = [] }] of operationsOf(document)) {
    const contents = [requestBody?.content ?? {}, ...Object.values(responses).map(({ content = {} }) => content)];
    const inParameters = parameters.map(({ schema, content }) => schema ?? content!["application/json"].schema);
    const schemas = [
      ...contents.flatMap((content) => Object.values(content)).map(({ schema }) => schema),
      ...inParameters,
    ];
    for (const schema of schemas) assert.doesNotThrow(() => validate(schema, null), name);
  }
});

Deno.test("every example fits its schema", async () => {
  const document = await openApi();
  const validate = createSchemaValidator(document);
  let count = 0;
  for (const [name, , { requestBody, responses }] of operationsOf(document)) {
    const contents = [requestBody?.content ?? {}, ...Object.values(responses).map(({ content = {} }) => content)];
    for (const { schema, example } of contents.flatMap((content) => Object.values(content))) {
      if (example === undefined) continue;
      count++;
      assertEquals(validate(schema, example), [], name);
    }
  }
  assert.ok(count >= 10, `met ${count} examples`);
});

Deno.test("every JSON request body has an example", async () => {
  for (const [name, , { requestBody }] of operationsOf(await openApi())) {
    const json = requestBody?.content["application/json"];
    if (json) assert.notEqual(json.example, undefined, name);
  }
});

Deno.test("answers fit the schemas that the document promises", async () => {
  const app = testApp();
  const document = await openApi();
  const validate = createSchemaValidator(document);
  const paths = {
    "/healthz": "/healthz",
    "/v1/system": "/v1/system",
    "/v1/cubes": "/v1/cubes",
    "/v1/jobs": "/v1/jobs",
    "/v1/models": "/v1/models",
    "/v1/models/{name}": "/v1/models/mean",
    "/v1/models/{name}/versions/{version}": "/v1/models/mean/versions/1",
    "/v2": "/v2",
    "/v2/health/live": "/v2/health/live",
    "/v2/models/{name}": "/v2/models/mean",
    "/v2/models/{name}/ready": "/v2/models/mean/ready",
  };
  for (const [declared, path] of Object.entries(paths)) {
    const schema = document.paths[declared].get.responses["200"].content!["application/json"].schema;
    assertEquals(validate(schema, await (await app.request(path)).json()), [], path);
  }
  const problem = document.components.schemas.Problem;
  for (const path of ["/v1/cubes/none", "/v1/cubes?limit=0", "/v2/models/none", "/nowhere"]) {
    assertEquals(validate(problem, await (await app.request(path)).json()), [], path);
  }
});

Deno.test("the page for people shows every operation and needs no script", async () => {
  const document = await openApi();
  const html = await (await testApp().request("/docs")).text();
  for (const path of Object.keys(document.paths)) assert.ok(html.includes(`<code>${path}</code>`), path);
  assert.ok(!/<script|style=|https?:/i.test(html.replace("https://opensource.org", "")));
});

Deno.test("answers have the headers that the document promises", async () => {
  const app = testApp();
  const document = await openApi();
  const validate = createSchemaValidator(document);
  const requests: [method: string, declared: string, path: string, init?: RequestInit][] = [
    ["get", "/healthz", "/healthz"],
    ["get", "/docs", "/docs"],
    ["get", "/v1/cubes/{id}", "/v1/cubes/none"],
    ["get", "/v1/models/{name}", "/v1/models/mean"],
    ["get", "/v1/models/{name}/versions/{version}", "/v1/models/mean/versions/1", {
      headers: { "If-None-Match": "*" },
    }],
    ["get", "/v1/models/{name}/versions/{version}/weights", "/v1/models/mean/versions/1/weights"],
    ["post", "/v1/uploads", "/v1/uploads", { headers: { "Tus-Resumable": "1.0.0", "Upload-Length": "9" } }],
    ["post", "/v1/uploads", "/v1/uploads"],
  ];
  for (const [method, declared, path, init] of requests) {
    const answer = await app.request(path, { ...init, method: method.toUpperCase() });
    await answer.body?.cancel();
    const promised = document.paths[declared][method].responses[answer.status].headers!;
    assert.ok(promised["X-Request-Id"], path);
    for (const [name, { $ref }] of Object.entries(promised)) {
      const header = document.components.headers[$ref.split("/").at(-1)!];
      const met = answer.headers.get(name);
      if (met === null) assert.ok(!header.required, `${path} lacks ${name}`);
      else assertEquals(validate(header.schema, header.schema.type === "integer" ? Number(met) : met), [], name);
    }
  }
});

Deno.test("links lead from what was made to operations and parameters that there are", async () => {
  const document = await openApi();
  const operations = operationsOf(document).map(([, , operation]) => operation);
  let count = 0;
  for (const { responses } of operations) {
    for (
      const { operationId, parameters } of Object.values(responses).flatMap(({ links = {} }) => Object.values(links))
    ) {
      const target = operations.find((operation) => operation.operationId === operationId);
      assert.ok(target, operationId);
      const names = (target.parameters ?? []).filter(({ in: place }) => place === "path").map(({ name }) => name);
      assertEquals(Object.keys(parameters).sort(), names.sort(), operationId);
      count++;
    }
  }
  assert.ok(count > 20);
});

Deno.test("lists in a query are written as the service reads them", async () => {
  const app = testApp();
  const { paths } = await openApi();
  const at = "/v1/models/{name}/versions/{version}/cubes/{cube}/manifold";
  const dims = paths[at].get.parameters!.find(({ name }) => name === "dims")!;
  assertEquals(dims.schema, { type: "string", pattern: "^[0-9]+(,[0-9]+){1}$", default: "0,1" });
  const path = "/v1/models/mean/versions/1/cubes/none/manifold";
  assertEquals((await app.problem(404, `${path}?dims=0,1`)).status, 404);
  const prepare = paths["/v1/cubes"].post.parameters!.find(({ name }) => name === "prepare")!;
  assert.ok(prepare.content?.["application/json"] && !prepare.schema);
});

Deno.test("the document says whether a key is needed", async () => {
  const keys = { verify: () => Promise.resolve(undefined) };
  const securityOf = async (options: Parameters<typeof testApp>[0]) =>
    (await (await testApp(options).request("/openapi.json")).json() as OpenApi).security;
  assertEquals(await securityOf({}), [{ bearer: [] }, { key: [] }, {}]);
  assertEquals(await securityOf({ keys }), [{ bearer: [] }, { key: [] }]);
  assertEquals(await securityOf({ keys, settings: { publicRead: true } }), [{ bearer: [] }, { key: [] }, {}]);
});

Deno.test("no schema uses what makers of clients do not know", async () => {
  const text = JSON.stringify(await openApi());
  for (const odd of ['"prefixItems"', '"items":false', '"$schema"', "1.7976931348623157e+308"]) {
    assert.ok(!text.includes(odd), odd);
  }
});

Deno.test("what is refused before a route is reached is in the document too, where no key is needed", async () => {
  const { paths } = await openApi();
  const keyed = testApp({ keys: { verify: () => undefined } });
  for (const path of ["/v2", "/docs", "/openapi.json"]) {
    const unknownKey = await keyed.request(path, { headers: { Authorization: "Bearer no" } });
    const foreignHost = await testApp().request(`http://rebound.example${path}`);
    assertEquals([unknownKey.status, foreignHost.status], [401, 403]);
    for (const status of [401, 403]) assert.ok(paths[path].get.responses[status], `${path} ${status}`);
  }
});
