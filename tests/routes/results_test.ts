import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ndArray } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { testApp } from "./support/test_app.ts";

async function appWithCube() {
  const app = testApp();
  const body = encodeNpy(ndArray(new Float32Array(8).fill(1), [2, 2, 2]));
  const init = { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body };
  const { id } = await (await app.request("/v1/cubes", init)).json();
  return { app, id, applied: (version: string) => `/v1/models/mean/versions/${version}/cubes/${id}` };
}

Deno.test("parameters reach the use case with their types and defaults", async () => {
  const { app, id, applied } = await appWithCube();
  const cases: [path: string, parameters: Record<string, unknown>][] = [
    [`/v1/cubes/${id}/pca`, { components: 8 }],
    [`/v1/cubes/${id}/loops?fit=true`, { fit: true }],
    [`/v1/cubes/${id}/patches/gmm?window=6`, { window: 6, components: 8, seed: 1 }],
    [`${applied("1")}/errors`, {}],
    [`${applied("1")}/predictions?row=1&col=0`, { row: 1, col: 0 }],
    [`${applied("1")}/gmm?components=3&covariance=tied`, { components: 3, seed: 1, covariance: "tied" }],
    [`${applied("1")}/manifold?dims=2,0&steps=5`, { steps: 5, dims: [2, 0] }],
    [`${applied("1")}/suggest?by=novelty`, { count: 10, by: "novelty" }],
  ];
  for (const [path, parameters] of cases) {
    assertEquals((await (await app.request(path)).json()).parameters, parameters, path);
  }
});

Deno.test("a version's number is immutable, a name that moves is asked for again", async () => {
  const { app, applied } = await appWithCube();
  const fixed = await app.request(`${applied("1")}/errors`);
  assert.match(fixed.headers.get("cache-control")!, /max-age=31536000, immutable/);
  const moving = await app.request(`${applied("latest")}/errors`);
  assert.match(moving.headers.get("cache-control")!, /max-age=0/);
  const headers = { "If-None-Match": fixed.headers.get("etag")! };
  assertEquals((await app.request(`${applied("1")}/errors`, { headers })).status, 304);
});

Deno.test("a result that takes too long is 202 with a job; Prefer says how long to wait", async () => {
  const { app, applied } = await appWithCube();
  const pending = await app.request(`${applied("1")}/gmm`, { headers: { Prefer: "wait=0" } });
  assertEquals([pending.status, pending.headers.get("location")], [202, "/v1/jobs/job_result"]);
  assertEquals([pending.headers.get("preference-applied"), pending.headers.get("etag")], ["wait=0", null]);
  assertEquals((await pending.json()).kind, "result");
  const ready = await app.request(`${applied("1")}/gmm`, { headers: { Prefer: "respond-async, wait=1000000" } });
  assertEquals([ready.status, ready.headers.get("preference-applied")], [200, "wait=60"]);
});

Deno.test("one array where there is none is 406 with the list of arrays", async () => {
  const { app, id, applied } = await appWithCube();
  const headers = { Accept: "application/x-npy" };
  assertEquals((await app.request(`/v1/cubes/${id}/pca`, { headers })).status, 200);
  const problem = await app.problem(406, `${applied("1")}/errors`, { headers });
  assertEquals([problem.code, /arrays: none/.test(problem.detail)], ["not_one_array", true]);
});

Deno.test("parameters that do not fit are refused", async () => {
  const { app, applied } = await appWithCube();
  for (const query of ["predictions?row=1", "manifold?dims=1,1", "manifold?dims=0", "gmm?seed=-1", "suggest?by=luck"]) {
    assertEquals((await app.problem(422, `${applied("1")}/${query}`)).code, "invalid_query", query);
  }
});
