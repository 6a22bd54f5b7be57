import { assert, assertEquals } from "../support/assert.ts";
import { jobEnd, type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, trainModel, uploadCube } from "../support/small_cube.ts";

/** One data folder through a sequence of services, each killed without warning. */
async function withLives(
  run: (live: (work: (service: RunningService) => Promise<void>) => Promise<void>) => Promise<void>,
): Promise<void> {
  const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-crash-" });
  try {
    await run(async (work) => {
      const service = await startService({ dataFolder });
      try {
        await work(service);
      } finally {
        await service.kill();
      }
    });
  } finally {
    await Deno.remove(dataFolder, { recursive: true });
  }
}

async function ids(service: RunningService, path: string): Promise<string[]> {
  const { items } = await service.json<{ items: { id?: string; name: string }[] }>(path);
  return items.map((item) => item.id ?? item.name).sort();
}

Deno.test("kill -9 during an upload: what was acknowledged is there, the rest is not", () =>
  withLives(async (live) => {
    const file = await filmFile(12, 12, 16);
    let kept: string[] = [];
    await live(async (service) => {
      await uploadCube(service, file, "kept");
      kept = await ids(service, "/v1/cubes");
      const endless = new ReadableStream<Uint8Array>({
        async pull(controller) {
          controller.enqueue(file.subarray(0, 1000));
          await new Promise((resolve) => setTimeout(resolve, 5));
        },
      });
      const upload = uploadCube(service, endless, "cut").catch(() => "cut");
      await new Promise((resolve) => setTimeout(resolve, 150));
      await service.kill();
      assertEquals(await upload, "cut");
    });
    await live(async (service) => {
      assertEquals(await ids(service, "/v1/cubes"), kept);
      assertEquals([...Deno.readDirSync(`${service.dataFolder}/tmp`)], []);
    });
  }));

Deno.test("kill -9 during training: the job goes on from its checkpoint and gives its model once", () =>
  withLives(async (live) => {
    let job = "";
    await live(async (service) => {
      const cube = await uploadCube(service, await filmFile(24, 24, 16));
      job = await submitJob(service, smallJob(cube.id, "survivor", { epochs: 400 }));
      while (
        ((await service.json(`/v1/jobs/${job}`)).progress as { epoch: number } | undefined ?? { epoch: 0 }).epoch < 2
      ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    await live(async (service) => {
      const ended = await jobEnd(service, job);
      assertEquals([ended.state, ended.attempts], ["succeeded", 0]);
      const history = ended.history as { trainLoss: (number | null)[] };
      assert.equal(history.trainLoss.length, 400);
      assert.deepEqual(await ids(service, "/v1/models").then((names) => names.includes("survivor")), true);
      assertEquals((await service.json("/v1/models/survivor")).versions, [1]);
    });
  }));

Deno.test("kill -9 right after a model was saved: it is there, whole, and predicts", () =>
  withLives(async (live) => {
    let before: Record<string, unknown> = {};
    await live(async (service) => {
      const cube = await uploadCube(service, await filmFile(24, 24, 16));
      await trainModel(service, smallJob(cube.id, "saved"));
      before = await service.json("/v1/models/saved/versions/1");
    });
    await live(async (service) => {
      assertEquals(await service.json("/v1/models/saved/versions/1"), before);
      const inputs = Array.from({ length: 4 }, () => [1, 2, 3, 4]);
      const body = JSON.stringify({ model: "saved@1", inputs });
      const answer = await service.json<{ outputs: { shape: number[]; data: number[] } }>("/predict", {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
      });
      assertEquals(answer.outputs.shape, [16]);
      assert.ok(answer.outputs.data.every(Number.isFinite));
    });
  }));
