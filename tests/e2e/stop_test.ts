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
      assertEquals(await submitJob(service, request), job, "the same again is not made for an hour");
      const after = await jobEnd(service, await submitJob(service, smallJob(cube.id, "after")));
      assertEquals(after.state, "succeeded");
      const metrics = await service.fetch("/metrics").then((answer) => answer.text());
      assert.match(metrics, /loopscope_worker_restarts_total\{worker="compute"\} 2/);
      assert.match(metrics, /loopscope_jobs\{state="failed"\} 1/);
    } finally {
      await service.stop();
    }
  }));

Deno.test("a result that kills its process is tried again as a job, then given up, and not begun again", () =>
  withFolder(async (dataFolder) => {
    const service = await startService({ dataFolder });
    try {
      const { items: [{ id }] } = await service.json<{ items: { id: string }[] }>("/v1/cubes");
      const path = `/v1/cubes/${id}/loops?fit=true`;
      const kill = async (isReady: () => Promise<boolean>) => {
        const busy = async () => {
          const text = await service.fetch("/metrics").then((answer) => answer.text());
          return text.includes('loopscope_calls_busy{worker="analysis"} 1') && await isReady();
        };
        await untilTrue(busy);
        workerPids(service.pid, "analysis_worker").forEach((pid) => Deno.kill(pid, "SIGKILL"));
      };
      const asked = service.json<{ id: string }>(path, { headers: { prefer: "wait=60" } }, 202);
      await kill(() => Promise.resolve(true));
      const job = (await asked).id;
      for (const attempt of [0, 1]) {
        await kill(async () => {
          const { state, attempts } = await service.json(`/v1/jobs/${job}`);
          return state === "running" && attempts === attempt;
        });
      }
      const failed = await jobEnd(service, job);
      assertEquals([failed.state, (failed.error as { code: string }).code], ["failed", "worker_lost"]);
      const again = await service.json<{ id: string; state: string }>(path, {}, 202);
      assertEquals([again.id, again.state], [job, "failed"]);
      assertEquals((await service.json<{ items: unknown[] }>("/v1/jobs")).items.length, 1);
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

/** Sends the first half of an upload; the other half and the answer's status come when asked for. */
async function slowUpload(service: RunningService, film: Uint8Array): Promise<() => Promise<string>> {
  const { hostname, port } = new URL(service.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const send = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  };
  const head = ["POST /v1/cubes?name=slow HTTP/1.1", `Host: ${hostname}:${port}`, `Content-Length: ${film.length}`];
  await send(new TextEncoder().encode([...head, "Content-Type: application/octet-stream", "", ""].join("\r\n")));
  await send(film.subarray(0, film.length >> 1));
  return async () => {
    await send(film.subarray(film.length >> 1));
    const answer = new Uint8Array(100);
    const length = await connection.read(answer);
    connection.close();
    return new TextDecoder().decode(answer.subarray(0, length ?? 0)).split("\r\n")[0];
  };
}

Deno.test("a signal to all its processes: what runs is answered, what comes is refused, the training goes on later", () =>
  withFolder(async (dataFolder) => {
    let service = await startService({ dataFolder });
    const cube = await uploadCube(service, await filmFile(24, 24, 16));
    const job = await submitJob(service, smallJob(cube.id, "steady", { epochs: 300 }));
    await untilTrue(async () => await epochOf(service, job) >= 3);
    const finish = await slowUpload(service, await filmFile(20, 20, 16));
    for (const worker of ["compute_worker", "analysis_worker"]) {
      for (const pid of workerPids(service.pid, worker)) Deno.kill(pid, "SIGINT");
    }
    const stopped = service.stop();
    await untilTrue(async () => (await service.fetch("/readyz")).status === 503);
    assertEquals((await service.fetch("/healthz")).status, 200);
    const refused = await service.fetch("/v1/cubes");
    assertEquals([refused.status, (await refused.json()).code], [503, "not_ready"]);
    assert.match(await finish(), /^HTTP\/1.1 201/);
    assertEquals((await stopped).code, 0);
    service = await startService({ dataFolder });
    try {
      const ended = await jobEnd(service, job);
      assertEquals([ended.state, ended.attempts], ["succeeded", 0]);
    } finally {
      await service.stop();
    }
  }));
