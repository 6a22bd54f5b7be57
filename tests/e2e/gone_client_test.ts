import { ndArray } from "../../lib/base/nd_array.ts";
import { encodeNpy } from "../../lib/formats/numpy/npy.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type RunningService, startService } from "../support/running_service.ts";

const MODEL = "simulated-film-im2spec@1";

async function metric(service: RunningService, name: string): Promise<number> {
  const text = await service.fetch("/metrics").then((answer) => answer.text());
  const line = text.split("\n").find((line) => line.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}

const busy = (service: RunningService, worker: string) => metric(service, `loopscope_calls_busy{worker="${worker}"}`);

async function until(what: string, met: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await met());) {
    if (Date.now() > end) throw new Error(`Within a minute not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A service with the demo cube; `fits` is the path of a result that takes tens of seconds. */
async function withService(run: (service: RunningService, fits: string) => Promise<void>): Promise<void> {
  const service = await startService();
  try {
    const { items: [{ id }] } = await service.json<{ items: { id: string }[] }>("/v1/cubes");
    await run(service, `/v1/cubes/${id}/loops?fit=true`);
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

/** A client that waits for an answer until it is told to go. */
function client(service: RunningService, path: string, init: RequestInit = {}) {
  const controller = new AbortController();
  const headers = { prefer: "wait=60", ...init.headers };
  const asked = service.fetch(path, { ...init, headers, signal: controller.signal })
    .then((answer) => answer.body?.cancel()).catch(() => {});
  return async () => {
    controller.abort();
    await asked;
  };
}

const jobNow = (service: RunningService, path: string) =>
  service.json<{ id: string; state: string }>(path, { headers: { prefer: "wait=0" } }, 202);

const state = async (service: RunningService, job: string) => (await service.json(`/v1/jobs/${job}`)).state;

Deno.test("a result is computed as long as one client waits for it, and not after the last has gone", () =>
  withService(async (service, fits) => {
    const [first, second] = [client(service, fits), client(service, fits)];
    await until("the fits have begun", async () => await busy(service, "analysis") === 1);
    await first();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(await busy(service, "analysis"), 1, "the second client still waits");
    await second();
    await until("the process is free", async () => await busy(service, "analysis") === 0);
    assertEquals((await service.json<{ items: unknown[] }>("/v1/jobs")).items, []);
    const job = await jobNow(service, fits); // 202: it was not computed to the end
    assertEquals(job.state, "queued");
  }));

Deno.test("cancelling a result's job frees the process, also where a GET had begun the computation", () =>
  withService(async (service, fits) => {
    const job = await jobNow(service, fits);
    await until("the job runs", async () => await state(service, job.id) === "running");
    await until("its progress is told", async () => {
      return (await service.json<{ progress?: { epoch: number } }>(`/v1/jobs/${job.id}`)).progress !== undefined;
    });
    assertEquals(await busy(service, "analysis"), 1);
    const cancelled = await service.json(`/v1/jobs/${job.id}`, { method: "DELETE" });
    assertEquals(cancelled.state, "cancelled");
    await until("the process is free", async () => await busy(service, "analysis") === 0);
    assert.notEqual((await jobNow(service, fits)).id, job.id);
  }));

Deno.test("predictions of clients that have gone are neither begun nor ended", () =>
  withService(async (service) => {
    const [clients, patches] = [3, 20_000];
    const body = encodeNpy(ndArray(new Float32Array(patches * 64).fill(1), [patches, 8, 8])) as Uint8Array<ArrayBuffer>;
    const image = encodeNpy(ndArray(new Float32Array(360_000).fill(1), [600, 600])) as Uint8Array<ArrayBuffer>;
    const headers = { "content-type": "application/x-npy", "accept": "application/octet-stream" };
    const post = (body: BodyInit) => ({ method: "POST", body, headers });
    const leave = [
      ...Array.from({ length: clients }, () => client(service, `/predict?model=${MODEL}`, post(body))),
      client(service, `/predict?model=${MODEL}&as=image`, post(image)),
    ];
    await until("all are there", async () => await busy(service, "compute") === leave.length);
    await Promise.all(leave.map((go) => go()));
    await until("the process is free", async () => await busy(service, "compute") === 0);
    const samples = await metric(service, "loopscope_predict_samples_total");
    assert.ok(samples < clients * patches / 2, `${samples} of ${clients * patches} samples were predicted`);
    const one = encodeNpy(ndArray(new Float32Array(64).fill(1), [8, 8])) as Uint8Array<ArrayBuffer>;
    assertEquals((await service.fetch(`/predict?model=${MODEL}`, post(one))).status, 200);
    assertEquals(await metric(service, "loopscope_predict_samples_total"), samples + 1);
  }));
