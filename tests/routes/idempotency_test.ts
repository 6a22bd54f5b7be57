import { Buffer } from "node:buffer";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ndArray } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { memoryIdempotency, postJson, testApp } from "./support/test_app.ts";

const TRAIN = { kind: "train", direction: "im2spec", cube: "c", saveAs: "m" };
const cubeBytes = (fill: number) => encodeNpy(ndArray(new Float32Array(8).fill(fill), [2, 2, 2]));
const upload = (body: BodyInit, key: string): RequestInit => ({
  method: "POST",
  headers: { "Idempotency-Key": key, "Content-Type": "application/octet-stream" },
  body,
});

Deno.test("the same key and body gives the first answer again", async () => {
  const app = testApp();
  const submit = () => app.request("/v1/jobs", postJson(TRAIN, { "Idempotency-Key": "k1" }));
  const first = await submit();
  const second = await submit();
  assertEquals([first.status, second.status], [202, 202]);
  assertEquals(await second.text(), await first.text());
  assertEquals(second.headers.get("location"), first.headers.get("location"));
  assertEquals(second.headers.get("content-type"), first.headers.get("content-type"));
  assertEquals(second.headers.get("idempotency-replayed"), "true");
  assertEquals((await (await app.request("/v1/jobs")).json()).items.length, 1);
});

Deno.test("the same key with another body, path or query is 422", async () => {
  const app = testApp();
  const headers = { "Idempotency-Key": "k1" };
  await app.request("/v1/jobs", postJson(TRAIN, headers));
  for (
    const [path, body] of [["/v1/jobs", { ...TRAIN, epochs: 3 }], ["/predict", TRAIN], ["/v1/jobs?x=1", TRAIN]] as const
  ) {
    assertEquals((await app.problem(422, path, postJson(body, headers))).code, "idempotency_key_reused");
  }
  assertEquals((await (await app.request("/v1/jobs")).json()).items.length, 1);
});

Deno.test("what is asked for in headers is part of the request", async () => {
  const app = testApp();
  const begin = (length: string) => {
    const headers = { "Idempotency-Key": "k", "Tus-Resumable": "1.0.0", "Upload-Length": length };
    return { method: "POST", headers };
  };
  const first = await app.request("/v1/uploads", begin("10"));
  const again = await app.request("/v1/uploads", begin("10"));
  assertEquals([again.status, again.headers.get("location")], [201, first.headers.get("location")]);
  assertEquals((await app.problem(422, "/v1/uploads", begin("11"))).code, "idempotency_key_reused");
});

Deno.test("another caller's key is another key", async () => {
  const app = testApp();
  const submit = (hostname: string) =>
    app.request("/v1/jobs", postJson(TRAIN, { "Idempotency-Key": "k" }), { remoteAddr: { hostname } });
  const [first, second] = [await submit("10.0.0.1"), await submit("10.0.0.2")];
  assert.notEqual((await first.json()).id, (await second.json()).id);
});

Deno.test("a streamed upload is compared by its bytes", async () => {
  const app = testApp();
  const first = await (await app.request("/v1/cubes", upload(cubeBytes(1), "up"))).json();
  const again = await app.request("/v1/cubes", upload(cubeBytes(1), "up"));
  assertEquals([again.status, (await again.json()).id], [201, first.id]);
  assertEquals((await app.problem(422, "/v1/cubes", upload(cubeBytes(2), "up"))).code, "idempotency_key_reused");
});

Deno.test("a form is compared by its contents: every client makes a new boundary", async () => {
  const app = testApp();
  const send = async (fill: number) => {
    const form = new FormData();
    form.append("file", new Blob([cubeBytes(fill)]), "a.npy");
    return await app.request("/v1/cubes", { method: "POST", headers: { "Idempotency-Key": "form" }, body: form });
  };
  const first = await (await send(1)).json();
  const again = await send(1);
  assertEquals([again.headers.get("idempotency-replayed"), (await again.json()).id], ["true", first.id]);
  assertEquals((await send(2)).status, 422);
});

Deno.test("while the first request is being answered a second with its key is a conflict", async () => {
  const idempotency = memoryIdempotency();
  const app = testApp({ idempotency });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const first = app.request("/v1/cubes", upload(readable, "slow"));
  while (idempotency.running.size === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals((await app.problem(409, "/v1/cubes", upload(cubeBytes(1), "slow"))).code, "idempotency_in_progress");
  const writer = writable.getWriter();
  await writer.write(cubeBytes(1));
  await writer.close();
  assertEquals((await first).status, 201);
});

Deno.test("after an error the key is free", async () => {
  const app = testApp();
  assertEquals((await app.request("/v1/cubes", upload("garbage", "k"))).status >= 400, true);
  assertEquals((await app.request("/v1/cubes", upload(cubeBytes(1), "k"))).status, 201);
});

Deno.test("a key must be short and printable", async () => {
  const app = testApp();
  for (const key of ["", "a b", "x".repeat(256), "é"]) {
    const problem = await app.problem(400, "/v1/jobs", postJson(TRAIN, { "Idempotency-Key": key }));
    assertEquals(problem.code, "invalid_idempotency_key");
  }
});

Deno.test("a large answer is whole and not kept", async () => {
  const { predictions } = testApp().services;
  const wanted = Float32Array.from({ length: 2_200_000 }, (_, i) => i + 0.5); // 8.8 MB
  const predict = () => Promise.resolve({ outputs: ndArray(wanted, [wanted.length]) });
  const app = testApp({ services: { predictions: { ...predictions, predict } } });
  const headers = { "Accept": "application/x-npy" };
  const ask = (more: Record<string, string>) =>
    app.request("/predict", postJson({ model: "mean", inputs: [[1]] }, { ...headers, ...more }));
  const plain = Buffer.from(await (await ask({})).bytes());
  assert.ok(plain.length > 2 ** 23);
  for (let time = 0; time < 2; time++) {
    const answer = await ask({ "Idempotency-Key": "k" });
    assertEquals([answer.status, answer.headers.get("idempotency-replayed")], [200, null]);
    assert.ok(plain.equals(await answer.bytes()));
  }
});
