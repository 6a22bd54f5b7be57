import { assert, assertEquals } from "../support/assert.ts";
import { jobEnd, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";
import { workerPids } from "../support/worker_pids.ts";

const NOTICE_MS = 10_000;

Deno.test("a compute process that is frozen during a training and a large prediction is noticed, replaced, and the training goes on", async () => {
  const service = await startService();
  try {
    const cube = await uploadCube(service, await filmFile(24, 24, 16));
    const job = await submitJob(service, smallJob(cube.id, "thawed", { epochs: 400 }));
    const epoch = async () => {
      const { progress } = await service.json<{ progress?: { epoch: number } }>(`/v1/jobs/${job}`);
      return progress?.epoch ?? 0;
    };
    while (await epoch() < 2) await pause(20);
    const [pid] = workerPids(service.pid, "compute_worker");
    Deno.kill(pid, "SIGSTOP");
    const stoppedMs = performance.now();
    const image = { dtype: "float32", shape: [24, 24], data: Array.from({ length: 576 }, (_, i) => i % 7) };
    const body = JSON.stringify({ model: "simulated-film-im2spec", inputs: { image } });
    const predicted = service.fetch("/predict", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
    });
    await untilReady(service, false);
    assert(performance.now() - stoppedMs < NOTICE_MS, "noticed in time");
    assertEquals((await service.fetch("/v1/cubes")).status, 200, "what needs no compute process is still served");
    const answer = await predicted;
    assert(performance.now() - stoppedMs < NOTICE_MS + 2000, "the prediction was answered in time");
    assertEquals(answer.status, 503);
    assert(answer.headers.has("Retry-After"));
    await answer.body?.cancel();
    await untilReady(service, true);
    const ended = await jobEnd(service, job);
    assertEquals([ended.state, (ended.history as { trainLoss: number[] }).trainLoss.length], ["succeeded", 400]);
    assert.match(await (await service.fetch("/metrics")).text(), /loopscope_worker_frozen_total\{worker="compute"\} 1/);
    assert(service.log.some((line) => /worker_lost.*no heartbeat/.test(line)), service.log.join("\n"));
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});

async function untilReady(service: { fetch(path: string): Promise<Response> }, ready: boolean): Promise<void> {
  for (;;) {
    const answer = await service.fetch("/readyz");
    await answer.body?.cancel();
    if ((answer.status === 200) === ready) return;
    await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
