import { assert, assertEquals } from "../support/assert.ts";
import { type TestApp, testApp } from "./support/test_app.ts";

const TUS = { "Tus-Resumable": "1.0.0" };
const PIECE = { ...TUS, "Content-Type": "application/offset+octet-stream" };

async function begun(app: TestApp): Promise<string> {
  const answer = await app.request("/v1/uploads", { method: "POST", headers: { ...TUS, "Upload-Length": "10" } });
  assertEquals(answer.status, 201);
  return answer.headers.get("location")!;
}

Deno.test("every answer says the protocol's version, a refused version which one is spoken", async () => {
  const app = testApp();
  const upload = await begun(app);
  for (const path of [upload, "/v1/uploads/none"]) {
    assertEquals((await app.request(path)).headers.get("tus-resumable"), "1.0.0");
  }
  const old = { ...PIECE, "Tus-Resumable": "0.2.2", "Upload-Offset": "0" };
  const refused = await app.request(upload, { method: "PATCH", headers: old, body: "abc" });
  assertEquals([refused.status, refused.headers.get("tus-version")], [412, "1.0.0"]);
});

Deno.test("clients that cannot send PATCH or DELETE say so in a header of POST", async () => {
  const app = testApp();
  const upload = await begun(app);
  const post = (headers: Record<string, string>, body?: string) =>
    app.request(upload, { method: "POST", headers: { ...PIECE, ...headers }, body });
  const sent = await post({ "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0" }, "abc");
  assertEquals([sent.status, sent.headers.get("upload-offset")], [204, "3"]);
  assertEquals((await post({})).status, 400);
  assertEquals((await post({ "X-HTTP-Method-Override": "PUT" })).status, 400);
  assertEquals((await post({ "X-HTTP-Method-Override": "DELETE" })).status, 204);
  assertEquals((await app.request(upload)).status, 404);
});

Deno.test("a piece with an idempotency key is taken once, and its answer given again whole", async () => {
  const app = testApp();
  const upload = await begun(app);
  const headers = { ...PIECE, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0", "Idempotency-Key": "k" };
  for (const replayed of [null, "true"]) {
    const answer = await app.request(upload, { method: "POST", headers, body: "abc" });
    assertEquals(
      ["upload-offset", "tus-resumable", "idempotency-replayed"].map((name) => answer.headers.get(name)),
      ["3", "1.0.0", replayed],
    );
    assertEquals(answer.status, 204);
  }
});

Deno.test("an empty piece asks how far it has come", async () => {
  const app = testApp();
  for (const length of [[], [["Content-Length", "0"]]]) { // without a length it is none, too (RFC 9112, 6.3)
    const headers = { ...PIECE, "Upload-Offset": "0", ...Object.fromEntries(length) };
    const answer = await app.request(await begun(app), { method: "PATCH", headers });
    assertEquals([answer.status, answer.headers.get("upload-offset")], [204, "0"]);
  }
});

Deno.test("metadata with a name twice is refused", async () => {
  const headers = { ...TUS, "Upload-Length": "10", "Upload-Metadata": "name YQ==,name Yg==" };
  const { code, detail } = await testApp().problem(400, "/v1/uploads", { method: "POST", headers });
  assertEquals(code, "bad_header");
  assert.match(detail, /name twice/);
});
