import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { decodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ndArray } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type TestApp, testApp } from "./support/test_app.ts";

const CUBE = ndArray(Float32Array.from({ length: 2 * 3 * 4 }, (_, i) => i), [2, 3, 4]);
const NPY = encodeNpy(CUBE);
const raw = (body: BodyInit, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "Content-Type": "application/octet-stream", ...headers },
  body,
});

async function uploaded(app: TestApp): Promise<string> {
  return (await (await app.request("/v1/cubes", raw(NPY))).json()).id;
}

Deno.test("an upload as body or as form gives the same cube; the same bytes again are 200", async () => {
  const app = testApp();
  const first = await app.request("/v1/cubes?name=film", raw(NPY));
  const cube = await first.json();
  assertEquals([first.status, first.headers.get("location"), cube.name, cube.shape], [
    201,
    `/v1/cubes/${cube.id}`,
    "film",
    [2, 3, 4],
  ]);
  const form = new FormData();
  form.append("note", "hello");
  form.append("file", new Blob([NPY]), "C:\\data\\film\u0001.npy");
  form.append("after", "x".repeat(10_000));
  const second = await app.request("/v1/cubes", { method: "POST", body: form });
  assertEquals([second.status, (await second.json()).id], [200, cube.id]);
});

Deno.test("a form may bring options before the file, and none after it", async () => {
  const app = testApp();
  const send = async (fields: [name: string, value: string | Uint8Array<ArrayBuffer>][], query = "") => {
    const form = new FormData();
    for (const [name, value] of fields) form.append(name, typeof value === "string" ? value : new Blob([value]));
    return await (await app.request(`/v1/cubes${query}`, { method: "POST", body: form })).json();
  };
  assertEquals((await send([["name", "the film"], ["file", NPY]])).name, "the film");
  assertEquals((await send([["file", NPY], ["name", "the film"]])).code, "field_after_file");
  assertEquals((await send([["file", NPY], ["file", NPY]])).code, "field_after_file");
  assertEquals((await send([["name", "a"], ["name", "b"], ["file", NPY]])).code, "field_twice");
  assertEquals((await send([["name", "a"], ["file", NPY]], "?name=b")).code, "field_twice");
  assertEquals((await send([["repair", "perhaps"], ["file", NPY]])).code, "invalid_form");
  assertEquals((await send([["name", "x".repeat(2 ** 21 + 1)], ["file", NPY]])).code, "field_too_long");
});

Deno.test("a file name with escaped quotes keeps them", async () => {
  const sent = (filename: string) =>
    `--b\r\nContent-Disposition: form-data; name="file"; filename="${filename}"\r\n\r\n`;
  for (const filename of ['a \\"b\\".npy', "a %22b%22.npy"]) {
    const body = new Blob([sent(filename), NPY, "\r\n--b--\r\n"]);
    const headers = { "Content-Type": "multipart/form-data; boundary=b" };
    const answer = await testApp().request("/v1/cubes", { method: "POST", headers, body });
    assertEquals((await answer.json()).name, 'a "b".npy');
  }
});

Deno.test("a cube is deleted only as it was seen, where that is asked for", async () => {
  const app = testApp();
  const path = `/v1/cubes/${await uploaded(app)}`;
  const remove = (ifMatch: string) => app.request(path, { method: "DELETE", headers: { "If-Match": ifMatch } });
  const tag = (await app.request(path)).headers.get("etag")!;
  assertEquals((await remove('"old"')).status, 412);
  assertEquals((await remove(`"old", ${tag}`)).status, 204);
  assertEquals((await app.request(path)).status, 404);
});

Deno.test("a form's file name becomes the cube's name, without folders and control characters", async () => {
  const form = new FormData();
  form.append("file", new Blob([NPY]), "../..\\film\u0001.npy");
  const answer = await testApp().request("/v1/cubes", { method: "POST", body: form });
  assertEquals((await answer.json()).name, "film.npy");
});

Deno.test("what is no upload is refused", async () => {
  const app = testApp({ settings: { maxUploadBytes: 1000 } });
  assertEquals(
    (await app.problem(415, "/v1/cubes", raw(NPY, { "Content-Type": "text/plain" }))).code,
    "unsupported_media_type",
  );
  assertEquals((await app.problem(400, "/v1/cubes", raw(""))).code, "empty_body");
  assertEquals((await app.problem(400, "/v1/cubes", { method: "POST" })).code, "empty_body");
  assertEquals((await app.problem(413, "/v1/cubes", raw(new Uint8Array(1001)))).code, "body_too_large");
  assertEquals(
    (await app.problem(415, "/v1/cubes", raw(NPY, { "Content-Encoding": "gzip" }))).code,
    "unsupported_encoding",
  );
  const form = new FormData();
  form.append("data", new Blob([NPY]), "a.npy");
  const missing = await app.problem(422, "/v1/cubes", { method: "POST", body: form });
  assertEquals([missing.code, missing.detail], ["file_missing", "Received a form with data; expected the field file"]);
  assertEquals((await app.problem(422, "/v1/cubes?repair=maybe", raw(NPY))).code, "invalid_query");
  assertEquals((await app.problem(422, "/v1/cubes?datset=a", raw(NPY))).errors![0].path, "datset");
});

Deno.test("a body without a length is cut off at the limit", async () => {
  const app = testApp({ settings: { maxUploadBytes: 1000 } });
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 100;
      controller.enqueue(new Uint8Array(100));
    },
  });
  assertEquals((await app.problem(413, "/v1/cubes", raw(endless))).code, "body_too_large");
  assert.ok(sent <= 1300, `met ${sent} bytes read; expected little more than 1000`);
});

Deno.test("a half-sent body ends with 408, a trickling one too", async () => {
  const app = testApp({ settings: { bodyIdleTimeoutMs: 30, minBodyBytesPerS: 1e6 } });
  const silent = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(NPY.subarray(0, 20)) });
  assertEquals((await app.problem(408, "/v1/cubes", raw(silent))).code, "body_too_slow");
  const trickle = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      controller.enqueue(new Uint8Array(1));
    },
  });
  assertEquals((await app.problem(408, "/v1/cubes", raw(trickle))).code, "body_too_slow");
});

Deno.test("cubes are paged", async () => {
  const app = testApp();
  for (let i = 0; i < 5; i++) {
    await app.request("/v1/cubes", raw(encodeNpy(ndArray(new Float32Array(8).fill(i), [2, 2, 2]))));
  }
  const seen: string[] = [];
  for (let cursor = "";;) {
    const page = await (await app.request(`/v1/cubes?limit=2${cursor && `&cursor=${cursor}`}`)).json();
    seen.push(...page.items.map(({ id }: { id: string }) => id));
    assert.ok(page.items.length <= 2);
    if (!page.nextCursor) break;
    cursor = page.nextCursor;
  }
  assertEquals(new Set(seen).size, 5);
  for (const limit of ["0", "501", "x", "1e1", "", "2&limit=3"]) {
    assertEquals((await app.problem(422, `/v1/cubes?limit=${limit}`)).code, "invalid_query");
  }
});

Deno.test("a map comes as JSON, NPY, NPZ and raw float32", async () => {
  const app = testApp();
  const path = `/v1/cubes/${await uploaded(app)}/map?index=1`;
  const wanted = [1, 5, 9, 13, 17, 21];
  const json = await (await app.request(path)).json();
  assertEquals(json.values, { dtype: "float32", shape: [2, 3], data: wanted });
  const npy = await app.request(path, { headers: { Accept: "application/x-npy" } });
  assertEquals(npy.headers.get("content-type"), "application/x-npy");
  assertEquals(decodeNpy(await npy.bytes()), ndArray(Float32Array.from(wanted), [2, 3]));
  const bytes = await app.request(path, { headers: { Accept: "application/octet-stream" } });
  assertEquals([bytes.headers.get("x-shape"), bytes.headers.get("x-dtype")], ["2,3", "float32"]);
  assertEquals(Array.from(new Float32Array(await bytes.arrayBuffer())), wanted);
  const npz = await app.request(path, { headers: { Accept: "application/x-npz" } });
  assertEquals(new TextDecoder().decode((await npz.bytes()).subarray(0, 2)), "PK");
  assertEquals((await app.problem(406, path, { headers: { Accept: "image/png" } })).code, "not_acceptable");
});

Deno.test("a view of a cube is immutable: its tag answers with 304, other forms have other tags", async () => {
  const app = testApp();
  const path = `/v1/cubes/${await uploaded(app)}/spectrum?row=1&col=2`;
  const first = await app.request(path);
  const tag = first.headers.get("etag")!;
  assert.match(tag, /^"[0-9a-f]{32}"$/);
  assert.match(first.headers.get("cache-control")!, /immutable/);
  for (const sent of [tag, `"other", ${tag}`, `W/${tag}`, "*"]) {
    const again = await app.request(path, { headers: { "If-None-Match": sent } });
    assertEquals([again.status, await again.text(), again.headers.get("etag")], [304, "", tag]);
  }
  assertEquals((await app.request(path, { headers: { "If-None-Match": '"other"' } })).status, 200);
  const npy = await app.request(path, { headers: { Accept: "application/x-npy" } });
  assert.notEqual(npy.headers.get("etag"), tag);
  assertEquals(
    (await app.request(path.replace(/cube_\w+/, "none"), { headers: { "If-None-Match": "*" } })).status,
    404,
  );
});

Deno.test("queries that do not fit say the value met and the value wanted", async () => {
  const app = testApp();
  const cube = `/v1/cubes/${await uploaded(app)}`;
  const faults: [query: string, path: string, message: RegExp][] = [
    ["/spectrum", "row", /received nothing/],
    ["/spectrum?row=-1&col=0", "row", /received -1; expected a whole number from 0/],
    ["/spectrum?row=0x1&col=0", "row", /received "0x1"; expected a whole number/],
    ["/spectrum?row=0&col=0&radius=1e999", "radius", /received /],
    ["/map?at=abc", "at", /received "abc"; expected a finite number/],
    ["/map?at=1&index=1", "", /expected only one of at, index and map/],
    ["/map?index=1&branch=last", "", /expected branch with at, or alone/],
    ["/map?branch=middle", "branch", /received "middle"; expected one of "first"\|"last"/],
    ["/pca?components=0", "components", /received 0; expected a whole number from 1 to 64/],
    ["/patches/gmm?window=7", "window", /received 7; expected an even number/],
    ["/pca?componets=3", "componets", /received a name that is not known here/],
    ["/loops?fit=yes", "fit", /received "yes"; expected true or false/],
  ];
  for (const [query, path, message] of faults) {
    const problem = await app.problem(422, cube + query);
    assertEquals([problem.code, problem.errors![0].path], ["invalid_query", path], query);
    assert.match(problem.errors![0].message, message);
    assert.ok(problem.detail.includes(problem.errors![0].message));
  }
});

Deno.test("deleting needs a cube", async () => {
  const app = testApp();
  const id = await uploaded(app);
  assertEquals((await app.request(`/v1/cubes/${id}`, { method: "DELETE" })).status, 204);
  assertEquals((await app.problem(404, `/v1/cubes/${id}`, { method: "DELETE" })).code, "cube_missing");
});

Deno.test("a view that is not there is no better for If-None-Match: *", async () => {
  const app = testApp();
  const path = `/v1/cubes/${await uploaded(app)}/map`;
  const headers = { "If-None-Match": "*" };
  assertEquals((await app.request(`${path}?index=1`, { headers })).status, 304);
  assertEquals((await app.request(`${path}?index=999`, { headers })).status, 422);
});

Deno.test("a misspelt name in a preparation is refused, not taken for its default", async () => {
  const steps = [{ step: "spectralRange", parameters: { from: 0, to: 3, evry: 2 } }];
  const path = `/v1/cubes?prepare=${encodeURIComponent(JSON.stringify(steps))}`;
  const { errors } = await testApp().problem(422, path, raw(NPY));
  assertEquals(errors, [{ path: "prepare.0.parameters.evry", message: "received a name that is not known here" }]);
});
