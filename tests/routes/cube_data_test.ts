import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { assertEquals } from "../support/assert.ts";
import { type TestApp, testApp } from "./support/test_app.ts";

const NPY = encodeNpy(ndArray(Float32Array.from({ length: 24 }, (_, i) => i), [2, 3, 4]));

async function upload(app: TestApp, query = "", headers: Record<string, string> = {}) {
  const init = { method: "POST", body: NPY, headers: { "Content-Type": "application/octet-stream", ...headers } };
  return await (await app.request(`/v1/cubes${query}`, init)).json();
}

Deno.test("the file comes back byte for byte under its name", async () => {
  const app = testApp();
  const { id, sha256 } = await upload(app, "?name=" + encodeURIComponent('Film "Übung"/2.npy'));
  const response = await app.request(`/v1/cubes/${id}/file`);
  assertEquals(new Uint8Array(await response.arrayBuffer()), NPY);
  assertEquals(response.headers.get("etag"), `"${sha256}"`);
  assertEquals(response.headers.get("content-length"), String(NPY.length));
  assertEquals(
    response.headers.get("content-disposition"),
    `attachment; filename="Film __bung__2.npy"; filename*=UTF-8''Film%20_%C3%9Cbung__2.npy`,
  );
  const known = await app.request(`/v1/cubes/${id}/file`, { headers: { "If-None-Match": `"${sha256}"` } });
  assertEquals(known.status, 304);
});

Deno.test("ranges of a file", async () => {
  const app = testApp();
  const { id } = await upload(app);
  const ask = async (range: string, ifRange?: string) => {
    const headers: Record<string, string> = ifRange ? { Range: range, "If-Range": ifRange } : { Range: range };
    const response = await app.request(`/v1/cubes/${id}/file`, { headers });
    return [response.status, response.headers.get("content-range"), new Uint8Array(await response.arrayBuffer())];
  };
  const size = NPY.length;
  assertEquals(await ask("bytes=2-5"), [206, `bytes 2-5/${size}`, NPY.slice(2, 6)]);
  assertEquals(await ask("bytes=-4"), [206, `bytes ${size - 4}-${size - 1}/${size}`, NPY.slice(-4)]);
  assertEquals(await ask(`bytes=100-${size * 9}`), [206, `bytes 100-${size - 1}/${size}`, NPY.slice(100)]);
  assertEquals(await ask(`bytes=-${size * 9}`), [206, `bytes 0-${size - 1}/${size}`, NPY]);
  for (const range of ["bytes=5-2", "bytes=-", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b"]) {
    assertEquals(await ask(range), [200, null, NPY], range);
  }
  assertEquals(await ask("bytes=2-5", '"another"'), [200, null, NPY]);
  const outside = { headers: { Range: `bytes=${size}-` } };
  assertEquals((await app.problem(416, `/v1/cubes/${id}/file`, outside)).code, "range_outside");
  assertEquals(
    (await app.problem(416, `/v1/cubes/${id}/file`, { headers: { Range: "bytes=-0" } })).code,
    "range_outside",
  );
});

Deno.test("the file's own name names the cube of a plain upload", async () => {
  const named = async (disposition: string, query = "") =>
    (await upload(testApp(), query, { "Content-Disposition": disposition })).name;
  assertEquals(await named('attachment; filename="film.npy"'), "film.npy");
  assertEquals(await named("attachment; filename=film.npy; size=3"), "film.npy");
  assertEquals(await named(`attachment; filename="f.npy"; filename*=UTF-8''%C3%9Cbung.npy`), "Übung.npy");
  assertEquals(await named(`attachment; filename*=UTF-8''%C3; filename=f.npy`), "f.npy");
  assertEquals(await named('attachment; filename="C:\\\\data\\\\film.npy"'), "film.npy");
  assertEquals(await named('attachment; filename="film.npy"', "?name=mine"), "mine");
  assertEquals(await named("attachment"), "unnamed");
});

Deno.test("a cube is renamed, only as it was seen where that is asked for", async () => {
  const app = testApp();
  const { id } = await upload(app);
  const path = `/v1/cubes/${id}`;
  const rename = (body: unknown, headers: Record<string, string> = {}) => ({
    method: "PATCH",
    body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", ...headers },
  });
  const tag = (await app.request(path)).headers.get("etag")!;
  const renamed = await app.request(path, rename({ name: " Film 2 " }, { "If-Match": tag }));
  assertEquals([renamed.status, (await renamed.json()).name], [200, "Film 2"]);
  assertEquals((await (await app.request(path)).json()).name, "Film 2");
  assertEquals((await app.problem(412, path, rename({ name: "b" }, { "If-Match": tag }))).code, "changed");
  for (const body of [{}, { name: "" }, { name: " " }, { name: "x".repeat(201) }, { name: "a", unit: "V" }, [1]]) {
    assertEquals((await app.problem(422, path, rename(body))).code, "invalid_body");
  }
  await app.problem(404, "/v1/cubes/cube_nothing", rename({ name: "a" }));
  assertEquals((await (await app.request(path)).json()).name, "Film 2");
});

Deno.test("the cube as it is used comes in the form that is asked for, under its name, in ranges", async () => {
  const app = testApp();
  const { id } = await upload(app, "?name=film.npy");
  const get = (headers: Record<string, string>) => app.request(`/v1/cubes/${id}/values`, { headers });
  const names: Record<string, string> = {
    "*/*": "film.h5",
    "application/x-npz": "film.npz",
    "application/x-npy": "film.npy",
  };
  for (const [accept, name] of Object.entries(names)) {
    const response = await get({ Accept: accept });
    assertEquals(response.headers.get("content-disposition"), `attachment; filename="${name}"`);
    await response.body?.cancel();
  }
  const range = await get({ Accept: "application/x-npy", Range: "bytes=128-135" });
  assertEquals([range.status, new Float32Array(await range.arrayBuffer())], [206, Float32Array.of(0, 1)]);
  const tag = range.headers.get("etag")!;
  assertEquals((await get({ Accept: "application/x-npy", "If-None-Match": tag })).status, 304);
  assertEquals(
    (await app.problem(406, `/v1/cubes/${id}/values`, { headers: { Accept: "text/html" } })).code,
    "not_acceptable",
  );
});
