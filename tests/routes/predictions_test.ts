import { decodeNpy, encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { LoopscopeError } from "../../lib/base/errors.ts";
import { ndArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { postJson, testApp } from "./support/test_app.ts";

const PATCH = [[1, 2], [3, 6]];
const VERSION = "/v1/models/mean/versions/1";

Deno.test("one patch, a stack, the flat form and an NPY body are predicted alike", async () => {
  const app = testApp();
  const one = await (await app.request("/predict", postJson({ model: "mean@1", inputs: PATCH }))).json();
  assertEquals(one.outputs, { dtype: "float32", shape: [3], data: [3, 6, 9] });
  assertEquals([one.model, one.version, one.latents.data], ["mean", 1, [3]]);
  const stack = await (await app.request("/predict", postJson({ model: "mean", inputs: [PATCH, PATCH] }))).json();
  assertEquals(stack.outputs, { dtype: "float32", shape: [2, 3], data: [3, 6, 9, 3, 6, 9] });
  const flat = { dtype: "float32", shape: [2, 2], data: [1, 2, 3, 6] };
  const same = await (await app.request(`${VERSION}/predict`, postJson({ inputs: flat }))).json();
  assertEquals(same.outputs, one.outputs);
  const npy = {
    method: "POST",
    headers: { "Content-Type": "application/x-npy", Accept: "application/x-npy" },
    body: encodeNpy(ndArray(Float64Array.from([1, 2, 3, 6]), [2, 2])),
  };
  const answer = await app.request("/predict?model=mean@1", npy);
  assertEquals(decodeNpy(await answer.bytes()), ndArray(Float32Array.from([3, 6, 9]), [3]));
});

Deno.test("where a prediction would be refused, its body is not waited for", async () => {
  const { services } = testApp();
  const requireCapacity = (callerId: string) => {
    throw new LoopscopeError("unavailable", "busy", `No room for ${callerId}`, { retryAfterS: 1 });
  };
  const app = testApp({ services: { predictions: { ...services.predictions, requireCapacity } } });
  const never = () => new ReadableStream({ pull: () => new Promise<void>(() => {}) });
  const paths = ["/predict", `${VERSION}/predict`, `${VERSION}/encode`, `${VERSION}/decode`, "/v2/models/mean/infer"];
  for (const path of paths) {
    const headers = { "Content-Type": "application/json" };
    const answer = await app.request(path, { method: "POST", headers, body: never() });
    assertEquals([answer.status, answer.headers.get("retry-after")], [503, "1"]);
    assertEquals((await answer.json()).code, "busy");
  }
});

Deno.test("encode and decode", async () => {
  const app = testApp();
  const encoded = await (await app.request(`${VERSION}/encode`, postJson({ inputs: [PATCH] }))).json();
  assertEquals(encoded.latents, { dtype: "float32", shape: [1, 1], data: [3] });
  const decoded = await (await app.request(`${VERSION}/decode`, postJson({ latents: [[3]] }))).json();
  assertEquals(decoded.outputs.data, [3, 6, 9]);
});

Deno.test("a whole image goes as inputs.image, or as an NPY body with as=image", async () => {
  const seen: unknown[] = [];
  const base = testApp().services;
  const predictions = {
    ...base.predictions,
    predict: async (...[, , request]: Parameters<typeof base.predictions.predict>) => {
      seen.push(request);
      return await Promise.resolve({ outputs: ndArray(new Float32Array(1), [1]) });
    },
  };
  const app = testApp({ services: { predictions } });
  await app.request("/predict", postJson({ model: "mean", inputs: { image: PATCH } }));
  const image = ndArray(Float64Array.from([1, 2, 3, 6]), [2, 2]);
  const npy = { method: "POST", headers: { "Content-Type": "application/x-npy" }, body: encodeNpy(image) };
  await app.request("/predict?model=mean&as=image", npy);
  assertEquals(seen, [{ image }, { image }]);
});

Deno.test("what cannot be predicted is refused with its place", async () => {
  const app = testApp();
  const faults: [status: number, code: string, body: unknown][] = [
    [422, "model_missing", { inputs: PATCH }],
    [422, "invalid_body", { model: "No Such!", inputs: PATCH }],
    [404, "model_missing", { model: "other", inputs: PATCH }],
    [422, "invalid_array", { model: "mean", inputs: [[1, 2], [3]] }],
    [422, "invalid_body", { model: "mean" }],
    [422, "invalid_body", { model: "mean", inputs: PATCH, extra: 1 }],
    [422, "invalid_body", { model: "mean", inputs: { image: PATCH, more: 1 } }],
    [422, "wrong_shape", { model: "mean", inputs: [1, 2, 3] }],
    [422, "invalid_body", [PATCH]],
    [422, "invalid_body", null],
  ];
  for (const [status, code, body] of faults) {
    assertEquals((await app.problem(status, "/predict", postJson(body))).code, code, JSON.stringify(body));
  }
  const twice = await app.problem(422, `${VERSION}/predict`, postJson({ model: "other@1", inputs: PATCH }));
  assertEquals(twice.code, "model_twice");
  assertEquals(
    (await app.problem(422, `${VERSION}/encode`, postJson({ inputs: { image: PATCH } }))).code,
    "image_not_taken",
  );
});

Deno.test("a body must be of a known type and within its limit", async () => {
  const app = testApp({ settings: { maxBodyBytes: 100 } });
  const send = (type: string, body: string) => ({ method: "POST", headers: { "Content-Type": type }, body });
  assertEquals(
    (await app.problem(415, "/predict", send("application/x-www-form-urlencoded", "a=b"))).code,
    "unsupported_media_type",
  );
  assertEquals((await app.problem(400, "/predict", send("application/json", "{"))).code, "invalid_json");
  assertEquals((await app.problem(413, "/predict", send("application/json", " ".repeat(101)))).code, "body_too_large");
  assertEquals(
    (await app.problem(400, "/predict?model=mean", send("application/x-npy", "not npy"))).code,
    "npy_malformed",
  );
  const infinite = encodeNpy(ndArray(Float32Array.from([1, Infinity]), [2]));
  const npy = { method: "POST", headers: { "Content-Type": "application/x-npy" }, body: infinite };
  const wide = testApp();
  assert.match((await wide.problem(422, "/predict?model=mean", npy)).detail, /Infinity at element 1/);
});

Deno.test("large answers that nobody reads are bounded for each caller, and their places come back", async () => {
  const app = testApp({ settings: { maxUnreadBytes: 500_000 } });
  const answered: (() => void)[] = [];
  const ask = (hostname: string) =>
    app.request("/predict", postJson({ model: "mean", inputs: Array(12_000).fill(PATCH) }), {
      remoteAddr: { hostname },
      onResponseEnd: (run) => answered.push(run),
    });
  const statuses = async (...hosts: string[]) => {
    const answers = [];
    for (const host of hosts) answers.push((await ask(host)).status);
    return answers;
  };
  // 12000 x (3 outputs + 1 latent) x 4 bytes: one fits into half of the whole.
  assertEquals(await statuses("10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"), [200, 503, 200, 503]);
  const small = postJson({ model: "mean", inputs: PATCH });
  assertEquals((await app.request("/predict", small, { onResponseEnd: () => {} })).status, 200);
  answered[0]();
  assertEquals(await statuses("10.0.0.1"), [200]);
});

Deno.test("bodies in memory are bounded over all requests, and the bytes come back", async () => {
  const app = testApp({ settings: { maxBufferedBytes: 100 } });
  const big = postJson({ model: "mean", inputs: PATCH, pad: "x".repeat(100) });
  assertEquals((await app.problem(503, "/predict", big)).code, "busy");
  for (let i = 0; i < 5; i++) {
    const answer = await app.request("/predict", postJson({ model: "mean", inputs: PATCH }));
    assertEquals(answer.status, 200);
  }
});

Deno.test("where callers are told apart, the bodies of one leave room for others", async () => {
  const { predictions } = testApp().services;
  const begun = Promise.withResolvers<void>();
  const { promise, resolve } = Promise.withResolvers<ResultTree>();
  const predict = () => {
    begun.resolve();
    return promise;
  };
  const app = testApp({
    keys: { verify: () => undefined },
    settings: { publicRead: true, maxBufferedBytes: 1000 },
    services: { predictions: { ...predictions, predict } },
  });
  const send = async (hostname: string) => {
    const init = postJson({ model: "mean", inputs: PATCH });
    init.body = String(init.body).padEnd(400);
    return (await app.request("/predict", init, { remoteAddr: { hostname } })).status;
  };
  const first = send("10.0.0.1"); // holds its body until it is answered
  await begun.promise;
  assertEquals(await send("10.0.0.1"), 503);
  const other = send("10.0.0.2");
  resolve({ outputs: ndArray(new Float32Array(1), [1]) });
  assertEquals([await first, await other, await send("10.0.0.1")], [200, 200, 200]);
});
