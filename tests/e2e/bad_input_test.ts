import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { ndArray } from "../../lib/base/nd_array.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, trainModel, uploadCube } from "../support/small_cube.ts";

interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
}

/** Sends bytes as an upload; the answer must be this problem. */
async function refusedUpload(service: RunningService, body: BodyInit, wanted: RegExp, query = ""): Promise<void> {
  const headers = { "content-type": "application/octet-stream" };
  await refused(await service.fetch(`/v1/cubes${query}`, { method: "POST", body, headers }), 422, wanted);
}

async function refused(answer: Response, status: number, wanted: RegExp): Promise<void> {
  const problem = await answer.json() as Problem;
  assertEquals([answer.status, problem.status], [status, status], JSON.stringify(problem).slice(0, 500));
  assert.equal(answer.headers.get("content-type")?.split(";")[0], "application/problem+json");
  assert.match(problem.detail, wanted);
  assert.match(problem.code, /^[a-z0-9_]+$/);
  assert.ok(problem.title && problem.type && problem.instance);
}

function post(service: RunningService, path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return service.fetch(path, { method: "POST", body: JSON.stringify(body), headers });
}

const npy = (data: Float64Array, shape: number[]) => encodeNpy(ndArray(data, shape)) as Uint8Array<ArrayBuffer>;

Deno.test("every kind of bad input gets a problem with the value met and wanted, and changes nothing", async (t) => {
  const service = await startService({ environment: { LOOPSCOPE_MAX_UPLOAD_BYTES: "3000000" } });
  const film = await filmFile(20, 20, 16);
  const cube = await uploadCube(service, film);
  await trainModel(service, smallJob(cube.id, "good"));
  const state = async () => {
    const cubes = await service.json<{ items: unknown[] }>("/v1/cubes");
    const models = await service.json<{ items: unknown[] }>("/v1/models");
    const jobs = await service.json<{ items: unknown[] }>("/v1/jobs");
    return [
      cubes.items.length,
      models.items.length,
      jobs.items.length,
      [...Deno.readDirSync(`${service.dataFolder}/tmp`)].length,
    ];
  };
  const before = await state();

  await t.step("uploads", async () => {
    await refusedUpload(service, "not a file of any kind", /expected HDF5/);
    await refusedUpload(service, film.slice(0, film.length - 5000), /trunc|damaged|end/i);
    await refusedUpload(service, npy(new Float64Array(50), [50]), /rows|3|cube/i);
    await refusedUpload(service, npy(new Float64Array(400), [20, 20]), /rows|3|cube/i);
    await refusedUpload(service, film, /\/Channel_000\/cube\/cube/, "?dataset=/nowhere");
    await refusedUpload(service, npy(new Float64Array(20 * 20 * 16).fill(NaN), [20, 20, 16]), /NaN|finite/i);
    const body = new Uint8Array(3_000_001);
    const headers = { "content-type": "application/octet-stream" };
    await refused(await service.fetch("/v1/cubes", { method: "POST", body, headers }), 413, /3000001.*3000000/);
    const text = { "content-type": "text/plain" };
    await refused(await service.fetch("/v1/cubes", { method: "POST", body: "x", headers: text }), 415, /text\/plain/);
  });

  await t.step("training", async () => {
    const submit = (more: Record<string, unknown>) => post(service, "/v1/jobs", smallJob(cube.id, "bad", more));
    await refused(await submit({ window: 40 }), 422, /40.*20 x 20/);
    await refused(await submit({ window: 5 }), 422, /5.*even/);
    await refused(await submit({ direction: "spec2im", window: 6 }), 422, /6.*multiple of 4/);
    const region = { row: 0, col: 10, rows: 20, cols: 20 };
    await refused(await submit({ region }), 422, /columns 10 to 29.*20 columns/);
    await refused(await submit({ region: { row: 0, col: 0, rows: 5, cols: 5 } }), 422, /\d+ training pixels.*32/);
    await refused(await submit({ latent: 0 }), 422, /latent.*0/);
    await refused(await submit({ cube: "cube_none" }), 404, /cube_none/);
    await refused(await submit({ from: "nothing@1" }), 404, /nothing/);
    await refused(await submit({ from: "good@1", latent: 3 }), 422, /latent 3.*2/);
    await refused(await submit({ map: "nowhere" }), 404, /nowhere.*topography/);
    await refused(await submit({ epochs: "many" }), 422, /epochs/);
    await refused(await submit({ surprise: 1 }), 422, /surprise/);
    const headers = { "content-type": "application/json" };
    await refused(await service.fetch("/v1/jobs", { method: "POST", body: '{"kind":', headers }), 400, /JSON/);
  });

  await t.step("predictions", async () => {
    const predict = (body: unknown) => post(service, "/predict", body);
    const patch = Array(4).fill([1, 2, 3, 4]);
    await refused(await predict({ model: "good@1", inputs: Array(5).fill([1, 2, 3, 4, 5]) }), 422, /5 x 5.*4 x 4/);
    await refused(await predict({ model: "good@1", inputs: [[1, 2], [3]] }), 422, /inputs/);
    await refused(await predict({ model: "nothing", inputs: patch }), 404, /nothing/);
    await refused(await predict({ model: "good@7", inputs: patch }), 404, /version 7.*1/);
    await refused(await predict({ inputs: patch }), 422, /model/);
    await refused(await predict({ model: "good@1", inputs: [[1, 2, 3, 1e300]].concat(patch.slice(1)) }), 422, /finite/);
    await refused(await predict({ model: "good@1", inputs: { image: [[1, 2], [3, 4]] } }), 422, /2 x 2.*4 x 4/);
  });

  await t.step("results", async () => {
    const get = (path: string) => service.fetch(path);
    const other = await uploadCube(service, await filmFile(20, 20, 12), "other");
    await refused(await get(`/v1/models/good/versions/1/cubes/${other.id}/errors`), 422, /16 points.*12 points/);
    assert.equal((await service.fetch(`/v1/cubes/${other.id}`, { method: "DELETE" })).status, 204);
    await refused(await get(`/v1/models/good/versions/1/cubes/${other.id}/errors`), 404, /cube/);
    const results = `/v1/models/good/versions/1/cubes/${cube.id}`;
    await refused(await get(`${results}/gmm?components=0`), 422, /components.*0/);
    await refused(await get(`${results}/predictions?row=0&col=0`), 422, /no whole patch/);
    await refused(await get(`${results}/predictions?row=99&col=0`), 422, /99/);
    await refused(await get(`${results}/manifold?dims=0,5`), 422, /5/);
    await refused(await get(`/v1/cubes/${cube.id}/pca?components=17`), 422, /17.*16/);
    await refused(await get(`/v1/cubes/${cube.id}/map?index=16`), 422, /16.*15/);
    await refused(await get(`/v1/cubes/${cube.id}/spectrum?row=20&col=0`), 422, /20.*19/);
  });

  assertEquals(await state(), before);
  await service.stop();
  await Deno.remove(service.dataFolder, { recursive: true });
});
