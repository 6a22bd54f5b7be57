import { assert, assertEquals } from "../support/assert.ts";
import { postJson, testApp } from "./support/test_app.ts";

const INFER = "/v2/models/mean/infer";
const LENGTH = "Inference-Header-Content-Length";
const X = { name: "x", shape: [1, 2, 2], datatype: "FP32", data: [1, 2, 3, 6] };

/** A JSON header and the bytes after it, as the binary tensor extension frames them. */
function framed(header: unknown, ...tensors: ArrayBufferView<ArrayBuffer>[]): RequestInit {
  const json = new TextEncoder().encode(JSON.stringify(header));
  return { method: "POST", headers: { [LENGTH]: String(json.length) }, body: new Blob([json, ...tensors]) };
}

Deno.test("server and model metadata, liveness and readiness", async () => {
  const app = testApp();
  const json = async (path: string) => await (await app.request(path)).json();
  assertEquals(await json("/v2"), { name: "loopscope", version: "0.0.0-test", extensions: ["binary_tensor_data"] });
  assertEquals(await json("/v2/health/live"), { live: true });
  assertEquals(await json("/v2/health/ready"), { ready: true });
  assertEquals(await json("/v2/models/mean/ready"), { name: "mean", ready: true });
  const wanted = {
    name: "mean",
    versions: ["1"],
    platform: "loopscope_im2spec",
    inputs: [
      { name: "x", datatype: "FP32", shape: [-1, 2, 2] },
      { name: "image", datatype: "FP32", shape: [-1, -1] },
    ],
    outputs: [{ name: "y", datatype: "FP32", shape: [-1, 3] }, { name: "latent", datatype: "FP32", shape: [-1, 1] }],
  };
  for (const path of ["/v2/models/mean", "/v2/models/mean/versions/1", "/v2/models/mean/versions/best"]) {
    assertEquals(await json(path), wanted);
  }
  assertEquals(await json("/v2/"), await json("/v2"));
});

Deno.test("the repository's index lists every version", async () => {
  const app = testApp();
  const index = await (await app.request("/v2/repository/index", postJson({}))).json();
  assertEquals(index, [{ name: "mean", version: "1", state: "READY", reason: "" }]);
});

Deno.test("a channel of one before the patch, as PyTorch has it, and bfloat16 are taken", async () => {
  const app = testApp();
  const outputsOf = async (init: RequestInit) => (await (await app.request(INFER, init)).json()).outputs;
  const plain = await outputsOf(postJson({ inputs: [X] }));
  assertEquals(await outputsOf(postJson({ inputs: [{ ...X, shape: [1, 1, 2, 2] }] })), plain);
  const header = JSON.stringify({
    inputs: [{ name: "x", shape: [1, 2, 2], datatype: "BF16", parameters: { binary_data_size: 8 } }],
  });
  const values = new Uint8Array(Uint16Array.from([0x3f80, 0x4000, 0x4040, 0x40c0]).buffer); // 1, 2, 3, 6
  const body = new Uint8Array([...new TextEncoder().encode(header), ...values]);
  const headers = {
    "Content-Type": "application/octet-stream",
    "Inference-Header-Content-Length": String(header.length),
  };
  assertEquals(await outputsOf({ method: "POST", headers, body }), plain);
});

Deno.test("calls of other extensions are refused as such", async () => {
  const app = testApp();
  for (
    const path of [
      "repository/models/mean/load",
      "systemsharedmemory/region/a/register",
      "logging",
      "models/mean/config",
    ]
  ) {
    assertEquals((await app.problem(404, `/v2/${path}`, postJson({}))).code, "unknown_extension", path);
  }
});

Deno.test("tensors in JSON, flat or nested, of any number type", async () => {
  const app = testApp();
  const wanted = [
    { name: "y", datatype: "FP32", shape: [1, 3], data: [3, 6, 9] },
    { name: "latent", datatype: "FP32", shape: [1, 1], data: [3] },
  ];
  for (const input of [X, { ...X, data: [[[1, 2], [3, 6]]] }, { ...X, datatype: "FP64" }, { ...X, datatype: "INT8" }]) {
    const answer = await (await app.request(INFER, postJson({ id: "42", inputs: [input] }))).json();
    assertEquals(answer, { model_name: "mean", model_version: "1", id: "42", outputs: wanted });
  }
  const versioned = await app.request("/v2/models/mean/versions/1/infer", postJson({ inputs: [X] }));
  assertEquals((await versioned.json()).outputs, wanted);
});

Deno.test("null stands for what is left out, and what is not known is passed over", async () => {
  const app = testApp();
  const parameters = { content_type: "np", sequence_id: 1 };
  const bodies = [
    { inputs: [X] },
    { id: null, parameters: null, outputs: null, inputs: [{ ...X, parameters: null }] },
    { inputs: [{ ...X, parameters: { binary_data_size: null } }], outputs: [{ name: "y", parameters: null }] },
    { model_name: "m", parameters, inputs: [{ ...X, parameters }], outputs: [{ name: "y", parameters, more: 1 }] },
  ];
  for (const body of bodies) {
    const { outputs, ...about } = await (await app.request(INFER, postJson(body))).json();
    assertEquals([about, outputs[0].data], [{ model_name: "mean", model_version: "1" }, [3, 6, 9]]);
  }
});

Deno.test("only the outputs that were asked for, in that order", async () => {
  const app = testApp();
  const ask = async (...names: string[]) => {
    const body = { inputs: [X], outputs: names.map((name) => ({ name })) };
    const { outputs } = await (await app.request(INFER, postJson(body))).json();
    return outputs.map(({ name, data }: { name: string; data: number[] }) => [name, data]);
  };
  assertEquals(await ask("latent"), [["latent", [3]]]);
  assertEquals(await ask("latent", "y"), [["latent", [3]], ["y", [3, 6, 9]]]);
});

Deno.test("binary tensors in, of every number type", async () => {
  const app = testApp();
  const types: [string, ArrayBufferView<ArrayBuffer>][] = [
    ["FP32", Float32Array.of(1, 2, 3, 6)],
    ["FP64", Float64Array.of(1, 2, 3, 6)],
    ["FP16", Uint16Array.of(0x3c00, 0x4000, 0x4200, 0x4600)],
    ["INT64", BigInt64Array.of(1n, 2n, 3n, 6n)],
    ["INT32", Int32Array.of(1, 2, 3, 6)],
    ["INT16", Int16Array.of(1, 2, 3, 6)],
    ["INT8", Int8Array.of(1, 2, 3, 6)],
    ["UINT64", BigUint64Array.of(1n, 2n, 3n, 6n)],
    ["UINT32", Uint32Array.of(1, 2, 3, 6)],
    ["UINT16", Uint16Array.of(1, 2, 3, 6)],
    ["UINT8", Uint8Array.of(1, 2, 3, 6)],
  ];
  for (const [datatype, tensor] of types) {
    const input = { name: "x", shape: [2, 2], datatype, parameters: { binary_data_size: tensor.byteLength } };
    const answer = await (await app.request(INFER, framed({ inputs: [input] }, tensor))).json();
    assertEquals(answer.outputs[0].data, [3, 6, 9], datatype);
  }
});

Deno.test("binary tensors out, one or all", async () => {
  const app = testApp();
  const read = async (body: unknown) => {
    const answer = await app.request(INFER, postJson(body));
    assertEquals(answer.headers.get("content-type"), "application/octet-stream");
    const bytes = await answer.bytes();
    const length = Number(answer.headers.get(LENGTH));
    const { outputs } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, length)));
    return { outputs, floats: Array.from(new Float32Array(bytes.slice(length).buffer)) };
  };
  const mixed = await read({
    inputs: [X],
    outputs: [{ name: "latent" }, { name: "y", parameters: { binary_data: true } }],
  });
  assertEquals(mixed.outputs, [
    { name: "latent", datatype: "FP32", shape: [1, 1], data: [3] },
    { name: "y", datatype: "FP32", shape: [1, 3], parameters: { binary_data_size: 12 } },
  ]);
  assertEquals(mixed.floats, [3, 6, 9]);
  const all = await read({ inputs: [X], parameters: { binary_data_output: true } });
  assertEquals(all.floats, [3, 6, 9, 3]);
});

Deno.test("a large tensor as numbers beside one as bytes: both lengths are right", async () => {
  const app = testApp();
  const count = 20_000;
  const patches = Float32Array.from({ length: count * 4 }, (_, i) => i / 7);
  const input = { name: "x", shape: [count, 2, 2], datatype: "FP32", parameters: { binary_data_size: 16 * count } };
  const outputs = [{ name: "latent", parameters: { binary_data: true } }, { name: "y" }];
  const answer = await app.request(INFER, framed({ id: "Zürich €", inputs: [input], outputs }, patches));
  const bytes = await answer.bytes();
  const length = Number(answer.headers.get(LENGTH));
  const header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length)));
  assertEquals(Number(answer.headers.get("content-length")), bytes.length);
  assertEquals([header.id, header.outputs[1].data.length], ["Zürich €", 3 * count]);
  const latents = new Float32Array(bytes.slice(length).buffer);
  assertEquals(latents.length, count);
  assertEquals(Float32Array.from(latents, (_, i) => header.outputs[1].data[3 * i]), latents);
});

Deno.test("an error has the protocol's field beside the problem's", async () => {
  const app = testApp();
  const problem = await app.problem(404, "/v2/models/none");
  assertEquals(problem.error, problem.detail);
  assertEquals((await app.problem(404, "/v2/nothing")).error !== undefined, true);
  assertEquals("error" in await app.problem(404, "/v1/nothing"), false);
});

Deno.test("a request that does not fit is refused", async () => {
  const app = testApp();
  const binary = { name: "x", shape: [2, 2], datatype: "FP32", parameters: { binary_data_size: 16 } };
  const floats = Float32Array.of(1, 2, 3, 6);
  const faults: [code: string, init: RequestInit][] = [
    ["invalid_json", { method: "POST", body: "{" }],
    ["invalid_body", postJson({})],
    ["invalid_body", postJson({ inputs: [] })],
    ["invalid_body", postJson({ inputs: [{ ...X, shape: [-1] }] })],
    ["invalid_body", postJson({ inputs: [{ ...X, datatype: "FLOAT" }] })],
    ["unsupported_datatype", postJson({ inputs: [{ ...X, datatype: "BYTES" }] })],
    ["unsupported_datatype", postJson({ inputs: [{ ...X, datatype: "BOOL" }] })],
    ["unknown_tensor", postJson({ inputs: [{ ...X, name: "input" }] })],
    ["unknown_tensor", postJson({ inputs: [X], outputs: [{ name: "z" }] })],
    ["unsupported_parameter", postJson({ inputs: [X], outputs: [{ name: "y", parameters: { classification: 3 } }] })],
    ["unsupported_parameter", postJson({ inputs: [{ ...X, parameters: { shared_memory_region: "a" } }] })],
    ["invalid_parameter", postJson({ inputs: [X], outputs: [{ name: "y", parameters: { binary_data: "true" } }] })],
    ["invalid_parameter", postJson({ inputs: [X], parameters: { binary_data_output: 1 } })],
    ["repeated_tensor", postJson({ inputs: [X], outputs: [{ name: "y" }, { name: "y" }] })],
    ["invalid_array", postJson({ inputs: [{ ...X, data: [[1, 2, 3], [6]] }] })],
    ["invalid_tensor", postJson({ inputs: [{ ...X, datatype: "INT8", data: [128, 2, 3, 6] }] })],
    ["invalid_tensor", postJson({ inputs: [{ ...X, datatype: "UINT64", data: [-1, 2, 3, 6] }] })],
    ["invalid_tensor", framed({ inputs: [{ ...binary, data: [1, 2, 3, 6] }] }, floats)],
    ["invalid_inputs", postJson({ inputs: [X, X] })],
    ["invalid_tensor", postJson({ inputs: [{ ...X, data: [1, 2, 3] }] })],
    ["invalid_tensor", postJson({ inputs: [{ ...X, data: ["1", 2, 3, 4] }] })],
    ["invalid_tensor", postJson({ inputs: [{ ...X, datatype: "INT32", data: [1.5, 2, 3, 4] }] })],
    ["invalid_tensor", postJson({ inputs: [{ name: "x", shape: [2, 2], datatype: "FP32" }] })],
    ["tensor_too_large", postJson({ inputs: [{ ...X, shape: [1e6, 1e6, 1e6] }] })],
    ["wrong_shape", postJson({ inputs: [{ ...X, shape: [4] }] })],
    ["invalid_tensor", framed({ inputs: [{ ...binary, parameters: { binary_data_size: 12 } }] }, floats)],
    ["invalid_tensor", framed({ inputs: [{ ...binary, parameters: { binary_data_size: "16" } }] }, floats)],
    ["invalid_tensor", framed({ inputs: [binary] }, floats.subarray(0, 3))],
    ["invalid_tensor", framed({ inputs: [binary] }, floats, floats)],
    ["invalid_tensor", framed({ inputs: [binary] }, Float32Array.of(1, 2, Infinity, 4))],
    ["invalid_header_length", { method: "POST", body: "{}", headers: { [LENGTH]: "3" } }],
    ["invalid_header_length", { method: "POST", body: "{}", headers: { [LENGTH]: "-1" } }],
    ["empty_body", { method: "POST" }],
  ];
  for (const [code, init] of faults) {
    const answer = await app.request(INFER, init);
    const problem = await answer.json();
    assertEquals(problem.code, code, `${init.body}`);
    assert.ok(answer.status >= 400 && answer.status < 500 && problem.error.length > 0);
  }
});
