import { DatabaseSync } from "node:sqlite";
import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile } from "../support/small_cube.ts";

const ZOO = new URL("../../zoo/simulated-film-im2spec/1/", import.meta.url);
const npy = (values: Float32Array, shape: number[]) => encodeNpy(ndArray(values, shape)) as Uint8Array<ArrayBuffer>;

/** What is sent, with a part that may differ. */
type Submission = (variant: number) => Promise<{ path: string; body: BodyInit; type?: string }>;

const importModel: Submission = async (variant) => {
  const { network } = JSON.parse(await Deno.readTextFile(new URL("model.json", ZOO)));
  const form = new FormData();
  form.append("model", JSON.stringify({ name: "imported", network, scaler: scaler(variant) }));
  form.append("weights", new Blob([await Deno.readFile(new URL("weights.safetensors", ZOO))]));
  return { path: "/v1/models", body: form }; // a new boundary each time, as every client makes it
};

const scaler = (variant: number) => ({ input: { mean: variant, std: 1 }, output: { mean: 0, std: 1 } });

const uploadCube: Submission = async (variant) => {
  return { path: "/v1/cubes", body: await filmFile(12, 12, 16, variant), type: "application/octet-stream" };
};

const addMap = (cube: string): Submission => (variant) => {
  const body = npy(new Float32Array(144).fill(variant), [12, 12]);
  return Promise.resolve({ path: `/v1/cubes/${cube}/maps?name=height`, body, type: "application/x-npy" });
};

const predict: Submission = (variant) => {
  const body = JSON.stringify({ model: "simulated-film-im2spec@1", inputs: Array(8).fill(Array(8).fill(variant)) });
  return Promise.resolve({ path: "/predict", body, type: "application/json" });
};

async function send(service: RunningService, submission: Submission, key: string, variant = 1): Promise<Response> {
  const { path, body, type } = await submission(variant);
  const headers: Record<string, string> = { "idempotency-key": key, ...(type ? { "content-type": type } : {}) };
  return await service.fetch(path, { method: "POST", body, headers });
}

/** Status, whether it was the first answer again, and what it says. */
async function seen(answer: Response) {
  const body = await answer.json();
  return { status: answer.status, again: answer.headers.get("idempotency-replayed") === "true", body };
}

const versionsOf = async (service: RunningService) => (await service.json("/v1/models/imported")).versions;

/** The answers that were kept are gone, as if the process had died after it did the work and before it kept them. */
function forgetAnswers(dataFolder: string): void {
  using database = new DatabaseSync(`${dataFolder}/loopscope.db`);
  assert.ok(database.prepare("DELETE FROM idempotency").run().changes > 0);
}

Deno.test("imports, uploads, maps and predictions with a key are made once, also when the process dies under them", async () => {
  const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-once-" });
  try {
    let service = await startService({ dataFolder });
    const cube = (await seen(await send(service, uploadCube, "cube"))).body.id;
    const submissions: Record<string, Submission> = { model: importModel, map: addMap(cube), predict };
    const first: Record<string, unknown> = {};
    for (const [key, submission] of Object.entries({ ...submissions, cube: uploadCube })) {
      const made = await seen(await send(service, submission, key));
      assertEquals(made.status, key === "predict" ? 200 : 201, `${key}: ${JSON.stringify(made.body)}`);
      assertEquals(made.again, key === "cube", key);
      const again = await seen(await send(service, submission, key));
      assertEquals(again, { ...made, again: true }, key);
      const other = await seen(await send(service, submission, key, 2));
      assertEquals([other.status, other.body.code], [422, "idempotency_key_reused"], key);
      first[key] = made.body;
    }
    assertEquals(await versionsOf(service), [1]);
    await service.kill();
    forgetAnswers(dataFolder);
    service = await startService({ dataFolder });
    try {
      for (const [key, submission] of Object.entries({ ...submissions, cube: uploadCube })) {
        const made = await seen(await send(service, submission, key));
        assertEquals([made.again, made.status < 300], [false, true], `${key}: ${JSON.stringify(made.body)}`);
        if (key === "cube") assertEquals(made.body.id, cube);
        else assertEquals(made.body, first[key], key);
      }
      assertEquals(await versionsOf(service), [1]);
      const { maps } = await service.json<{ maps: { name: string }[] }>(`/v1/cubes/${cube}`);
      assertEquals(maps.filter(({ name }) => name === "height").length, 1);
      const differing = await seen(await send(service, addMap(cube), "another", 2));
      assertEquals([differing.status, differing.body.code], [409, "map_exists"]);
      assertEquals((await seen(await send(service, importModel, "another"))).body, { name: "imported", version: 2 });
    } finally {
      await service.stop();
    }
  } finally {
    await Deno.remove(dataFolder, { recursive: true });
  }
});
