import { assert, assertEquals } from "../support/assert.ts";
import { startService } from "../support/running_service.ts";
import { filmFile, smallJob, trainModel, uploadCube } from "../support/small_cube.ts";

Deno.test("a model trained on a prepared cube repeats the preparation on the raw one, identically", async () => {
  const service = await startService();
  const file = await filmFile(24, 24, 16);
  const steps = [{ step: "binSpectral", parameters: { factor: 2 } }];
  const headers = { "content-type": "application/octet-stream" };
  const query = new URLSearchParams({ name: "binned", prepare: JSON.stringify(steps) });
  const binned = await service.json(`/v1/cubes?${query}`, { method: "POST", body: file, headers }, 201);
  assertEquals(binned.shape, [24, 24, 8]);
  const raw = await uploadCube(service, file, "raw");
  assertEquals(raw.shape, [24, 24, 16]);

  await trainModel(service, smallJob(String(binned.id), "on-bins", { direction: "spec2im", region: undefined }));
  assertEquals((await service.json("/v1/models/on-bins/versions/1")).preparation, steps);
  const at = (cube: unknown) => `/v1/models/on-bins/versions/1/cubes/${cube}/latents`;
  const [own, repeated] = [await service.json(at(binned.id)), await service.json(at(raw.id))];
  assert.ok((own.latents as { data: number[] }).data.length > 0);
  assertEquals(repeated.latents, own.latents);
  // The raw cube with the model's steps repeated is the cube it was trained on: no training pixel may pass for a test.
  const errorsOn = async (cube: unknown) => await service.json(at(cube).replace("latents", "errors"));
  const [onOwn, onRaw] = [await errorsOn(binned.id), await errorsOn(raw.id)];
  assert.ok((onOwn.scores as { train: object | null }).train !== null);
  assertEquals([onRaw.part, onRaw.scores], [onOwn.part, onOwn.scores]);

  await service.stop();
  await Deno.remove(service.dataFolder, { recursive: true });
});
