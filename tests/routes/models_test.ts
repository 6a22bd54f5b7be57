import { assert, assertEquals } from "../support/assert.ts";
import { testApp } from "./support/test_app.ts";

const NETWORK = { direction: "im2spec", window: 8, points: 64, latent: 2, filters: 64 };

function importForm(fields: Record<string, BlobPart>): RequestInit {
  const form = new FormData();
  for (const [name, content] of Object.entries(fields)) form.append(name, new Blob([content]), name);
  return { method: "POST", body: form };
}

Deno.test("models, versions, card and weights are read with strong tags", async () => {
  const app = testApp();
  assertEquals((await (await app.request("/v1/models")).json()).items[0].name, "mean");
  const view = await app.request("/v1/models/mean/versions/best");
  assertEquals((await view.json()).network.window, 2);
  const weights = await app.request("/v1/models/mean/versions/1/weights");
  assertEquals(Array.from(await weights.bytes()), [1, 2, 3]);
  assertEquals(weights.headers.get("content-disposition"), 'attachment; filename="mean-1.safetensors"');
  assert.match(weights.headers.get("cache-control")!, /immutable/);
  const onnx = await app.request("/v1/models/mean/versions/latest/onnx");
  assertEquals([onnx.headers.get("content-disposition"), onnx.headers.get("content-length")], [
    'attachment; filename="mean-1.onnx"',
    "2",
  ]);
  assert.match(onnx.headers.get("cache-control")!, /max-age=0/);
  const card = await app.request("/v1/models/mean/versions/latest/card");
  assertEquals([card.headers.get("content-type"), await card.text()], [
    "text/markdown; charset=utf-8",
    "# Mean of a patch\n",
  ]);
  for (const path of ["versions/1", "versions/1/weights", "versions/1/onnx", "versions/1/card"]) {
    const { headers } = await app.request(`/v1/models/mean/${path}`);
    const again = await app.request(`/v1/models/mean/${path}`, { headers: { "If-None-Match": headers.get("etag")! } });
    assertEquals(again.status, 304);
  }
  assertEquals((await app.problem(404, "/v1/models/mean/versions/9")).code, "model_missing");
});

Deno.test("an alias is set where the tag still holds", async () => {
  const app = testApp();
  const path = "/v1/models/mean/aliases/stable";
  const put = (ifMatch?: string) => ({
    method: "PUT",
    headers: { "Content-Type": "application/json", ...(ifMatch ? { "If-Match": ifMatch } : {}) },
    body: JSON.stringify({ version: 1 }),
  });
  const tag = (await app.request("/v1/models/mean")).headers.get("etag")!;
  const set = await app.request(path, put(tag));
  assertEquals([set.status, (await set.json()).aliases.stable], [200, 1]);
  assert.notEqual(set.headers.get("etag"), tag);
  assertEquals((await app.problem(412, path, put(tag))).code, "alias_changed");
  assertEquals((await app.request(path, put())).status, 200);
  for (const alias of ["latest", "17", "-x", "a%20b"]) {
    const { code, detail } = await app.problem(422, `/v1/models/mean/aliases/${alias}`, put());
    assertEquals(code, "invalid_path");
    assert.match(detail, /expected a word of 1 to 64/);
  }
});

Deno.test("If-Match takes lists and *, never weak tags; If-None-Match: * never moves an alias", async () => {
  const app = testApp();
  const path = "/v1/models/mean/aliases/stable";
  const send = (method: string, headers: Record<string, string>) =>
    app.request(path, {
      method,
      headers: { "Content-Type": "application/json", ...headers },
      ...(method === "PUT" ? { body: JSON.stringify({ version: 1 }) } : {}),
    });
  const tag = async () => (await app.request("/v1/models/mean")).headers.get("etag")!;
  assertEquals((await send("PUT", { "If-None-Match": "*" })).status, 200);
  assertEquals((await send("PUT", { "If-None-Match": "*" })).status, 412);
  assertEquals((await send("PUT", { "If-Match": "*" })).status, 200);
  assertEquals((await send("PUT", { "If-Match": `"old", ${await tag()}` })).status, 200);
  assertEquals((await send("PUT", { "If-Match": `W/${await tag()}` })).status, 412);
  assertEquals((await send("PUT", { "If-Match": "no tag" })).status, 412);
  assertEquals((await send("DELETE", { "If-Match": '"old"' })).status, 412);
  assertEquals((await send("DELETE", { "If-Match": await tag() })).status, 200);
});

Deno.test("a model is not sent again while nothing about it has changed", async () => {
  const app = testApp();
  const first = await app.request("/v1/models/mean");
  const headers = { "If-None-Match": first.headers.get("etag")! };
  assertEquals((await app.request("/v1/models/mean", { headers })).status, 304);
  await app.services.models.setAlias("mean", "other", 1, {});
  assertEquals((await app.request("/v1/models/mean", { headers })).status, 200);
});

Deno.test("a checkpoint is imported from a form, fields in any order", async () => {
  const app = testApp();
  const model = JSON.stringify({ name: "mine", network: NETWORK });
  const answer = await app.request("/v1/models", importForm({ weights: "abc", model }));
  assertEquals([answer.status, answer.headers.get("location")], [201, "/v1/models/mine/versions/1"]);
  assertEquals(await answer.json(), { name: "mine", version: 1 });
});

Deno.test("an archive is given and taken, under another name where one is asked for", async () => {
  const app = testApp();
  const archive = await app.request("/v1/models/mean/versions/1/archive");
  const { headers } = archive;
  assertEquals([headers.get("content-type"), headers.get("content-disposition"), headers.get("content-length")], [
    "application/zip",
    'attachment; filename="mean-1.zip"',
    "2",
  ]);
  const init = { method: "POST", headers: { "Content-Type": "application/zip" }, body: await archive.bytes() };
  const made = await app.request("/v1/models?name=copy", init);
  assertEquals([made.status, made.headers.get("location")], [201, "/v1/models/copy/versions/2"]);
  assertEquals((await app.problem(422, "/v1/models?name=../up", init)).code, "invalid_query");
});

Deno.test("an import that does not fit is refused", async () => {
  const app = testApp({ settings: { maxImportBytes: 2000 } });
  const model = JSON.stringify({ name: "mine", network: NETWORK });
  const faults: [status: number, code: string, init: RequestInit][] = [
    [415, "unsupported_media_type", { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } }],
    [422, "field_missing", importForm({ model })],
    [422, "field_missing", importForm({ weights: "abc" })],
    [400, "invalid_json", importForm({ weights: "abc", model: "{" })],
    [
      422,
      "invalid_model",
      importForm({ weights: "abc", model: JSON.stringify({ name: "mine", network: { ...NETWORK, latent: 0 } }) }),
    ],
    [422, "invalid_model", importForm({ weights: "abc", model: JSON.stringify({ name: "../up", network: NETWORK }) })],
    [413, "body_too_large", importForm({ weights: "x".repeat(3000), model })],
  ];
  for (const [status, code, init] of faults) assertEquals((await app.problem(status, "/v1/models", init)).code, code);
});

Deno.test("a version that an alias names is not deleted", async () => {
  const problem = await testApp().problem(409, "/v1/models/mean/versions/1", { method: "DELETE" });
  assertEquals(problem.code, "alias_points_here");
});
