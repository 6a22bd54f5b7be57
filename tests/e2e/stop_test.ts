import { assert, assertEquals } from "../support/assert.ts";
import { jobEnd, type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";
import { workerPids } from "../support/worker_pids.ts";

async function epochOf(service: RunningService, job: string): Promise<number> {
  const { progress } = await service.json<{ progress?: { epoch: number } }>(`/v1/jobs/${job}`);
  return progress?.epoch ?? 0;
}

async function untilTrue(met: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !(await met());) {
    if (Date.now() > end) throw new Error("It has not come true within a minute");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function withFolder(run: (dataFolder: string) => Promise<void>): Promise<void> {
  const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-stop-" });
  try {
    await run(dataFolder);
  } finally {
    await Deno.remove(dataFolder, { recursive: true });
  }
}

Deno.test("SIGTERM saves a running training: no epoch is trained twice, the watchers' streams end", () =>
  withFolder(async (dataFolder) => {
    let service = await startService({ dataFolder });
    const cube = await uploadCube(service, await filmFile(24, 24, 16));
    const job = await submitJob(service, smallJob(cube.id, "steady", { epochs: 300 }));
    const events = service.fetch(`/v1/jobs/${job}/events`).then((answer) => answer.text());
    await untilTrue(async () => await epochOf(service, job) >= 3);
    const { code } = await service.stop();
    const seen = [...(await events).matchAll(/"epoch":([0-9]+),/g)].map((match) => Number(match[1]));
    assertEquals(code, 0);
    assert.ok(Deno.statSync(`${dataFolder}/jobs/${job}/checkpoint`).size > 0);
    service = await startService({ dataFolder });
    try {
      const ended = await jobEnd(service, job);
      assertEquals([ended.state, ended.attempts], ["succeeded", 0]);
      const all = await service.fetch(`/v1/jobs/${job}/events`).then((answer) => answer.text());
      const epochs = [...all.matchAll(/"epoch":([0-9]+),/g)].map((match) => Number(match[1]));
      assertEquals(epochs, Array.from({ length: 300 }, (_, i) => i + 1));
      assertEquals(seen, epochs.slice(0, seen.length));
    } finally {
      await service.stop();
    }
  }));

Deno.test("a job that kills its worker twice fails, and the service works on", () =>
  withFolder(async (dataFolder) => {
    const service = await startService({ dataFolder });
    try {
      const cube = await uploadCube(service, await filmFile(24, 24, 16));
      const request = smallJob(cube.id, "killer", { epochs: 10_000 });
      const job = await submitJob(service, request);
      for (const attempt of [0, 1]) {
        await untilTrue(async () => {
          const { state, attempts } = await service.json(`/v1/jobs/${job}`);
          return state === "running" && attempts === attempt && await epochOf(service, job) > 0;
        });
        const [pid] = workerPids(service.pid, "compute_worker");
        Deno.kill(pid, "SIGKILL");
        await untilTrue(async () => (await service.json(`/v1/jobs/${job}`)).attempts === attempt + 1);
      }
      const failed = await jobEnd(service, job);
      assertEquals([failed.state, (failed.error as { code: string }).code], ["failed", "worker_lost"]);
      const after = await jobEnd(service, await submitJob(service, smallJob(cube.id, "after")));
      assertEquals(after.state, "succeeded");
      const metrics = await service.fetch("/metrics").then((answer) => answer.text());
      assert.match(metrics, /loopscope_worker_restarts_total\{worker="compute"\} 2/);
      assert.match(metrics, /loopscope_jobs\{state="failed"\} 1/);
    } finally {
      await service.stop();
    }
  }));

Deno.test("a submission is made once, also when its answer was lost with the process", () =>
  withFolder(async (dataFolder) => {
    const service = await startService({ dataFolder });
    const cube = await uploadCube(service, await filmFile(12, 12, 16));
    const body = JSON.stringify(smallJob(cube.id, "once"));
    const headers = { "content-type": "application/json", "idempotency-key": "submission-1" };
    const first = await service.json("/v1/jobs", { method: "POST", body, headers }, 202);
    await jobEnd(service, String(first.id));
    await service.kill();
    // The answer that was kept is gone as if the process had died before it kept it.
    const { DatabaseSync } = await import("node:sqlite");
    using database = new DatabaseSync(`${dataFolder}/loopscope.db`);
    assertEquals(database.prepare("DELETE FROM idempotency").run().changes, 1);
    database.close();
    const next = await startService({ dataFolder });
    try {
      const again = await next.json("/v1/jobs", { method: "POST", body, headers }, 202);
      assertEquals([again.id, again.state], [first.id, "succeeded"]);
      const other = { ...headers, "idempotency-key": "submission-2" };
      assert.notEqual((await next.json("/v1/jobs", { method: "POST", body, headers: other }, 202)).id, first.id);
    } finally {
      await next.stop();
    }
  }));
