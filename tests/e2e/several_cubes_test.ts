import { assert, assertEquals } from "../support/assert.ts";
import { jobEnd, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";

Deno.test("a model is trained on two cubes of different axes, and both are known to it", async () => {
  const service = await startService();
  const one = await uploadCube(service, await filmFile(24, 24, 16, 1), "one");
  const two = await uploadCube(service, await filmFile(24, 26, 20, 2), "two");
  const cubes = [{ cube: one.id }, { cube: two.id, region: { row: 0, col: 0, rows: 24, cols: 16 } }];
  const body = smallJob("", "both", { cube: undefined, cubes, validation: "cubes", window: 4 });
  const job = await submitJob(service, body);
  const conflict = await service.json(`/v1/cubes/${two.id}`, { method: "DELETE" }, 409);
  assertEquals(conflict.code, "cube_in_use");
  assertEquals((await jobEnd(service, job)).state, "succeeded");

  const model = await service.json("/v1/models/both/versions/1");
  const { scores, training, axis } = model as unknown as {
    scores: { cubes: { name: string; leftOut: object }[] };
    training: { cubes: { cubeSha256: string; region: { cols: number } }[] };
    axis: { values: number[] };
  };
  assertEquals(scores.cubes.map(({ name, leftOut }) => [name, "test" in leftOut]), [["one", true], ["two", true]]);
  assertEquals(training.cubes.map(({ cubeSha256 }) => cubeSha256), [one.sha256, two.sha256]);
  assertEquals(training.cubes[1].region.cols, 16);
  assertEquals(axis.values.length, 16);
  const card = await (await service.fetch("/v1/models/both/versions/1/card")).text();
  assert.match(card, /trained without it/);
  for (const [k, cube] of [one, two].entries()) {
    const { scores: met, part } = await service.json<{ scores: { train: object; baselines: object }; part: object }>(
      `/v1/models/both/versions/1/cubes/${cube.id}/errors`,
    );
    assert(met.train !== null && part !== null, "it knows its training pixels");
    assertEquals(met.baselines, (scores.cubes[k] as { baselines?: object }).baselines);
  }

  const refuse = async (change: object, status: number, code: string) => {
    const headers = { "content-type": "application/json" };
    const request = { method: "POST", headers, body: JSON.stringify({ ...body, ...change }) };
    const problem = await service.json("/v1/jobs", request, status);
    assertEquals(problem.code, code, JSON.stringify(problem));
  };
  await refuse({ cube: one.id }, 422, "invalid_body");
  await refuse({ cubes: undefined }, 422, "invalid_body");
  await refuse({ region: { row: 0, col: 0, rows: 20, cols: 20 } }, 422, "invalid_body");
  await refuse({ cubes: [] }, 422, "invalid_body");
  await refuse({ cubes: [{ cube: one.id }, { cube: "cube_none" }] }, 404, "cube_missing");
  await refuse({ cubes: [{ cube: one.id }, { cube: one.id }] }, 422, "cube_twice");
  await refuse({ cubes: [{ cube: one.id }] }, 422, "validation_not_possible");
  await refuse({ validation: "sides" }, 422, "validation_not_possible");
  await service.stop();
  await Deno.remove(service.dataFolder, { recursive: true });
});
