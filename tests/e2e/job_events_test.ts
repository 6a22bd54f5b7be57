import { assert, assertEquals } from "../support/assert.ts";
import { jobEnd, type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";

const EPOCHS = 400;
const WATCHERS = 100;

async function watch(service: RunningService, job: string, lastEventId?: number): Promise<string> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) };
  return await service.fetch(`/v1/jobs/${job}/events`, { headers }).then((answer) => answer.text());
}

/** Asks for the events and never reads a byte of them. */
async function deaf(service: RunningService, job: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(service.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `GET /v1/jobs/${job}/events HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  return connection;
}

Deno.test("a hundred who watch, and some who do not read, get or miss every event in order, and hold up nobody", async () => {
  const service = await startService();
  const connections: Deno.TcpConn[] = [];
  try {
    const cube = await uploadCube(service, await filmFile(12, 12, 16));
    const job = await submitJob(service, smallJob(cube.id, "watched", { epochs: EPOCHS, filters: 1 }));
    for (let i = 0; i < 10; i++) connections.push(await deaf(service, job));
    const watched = await Promise.all(Array.from({ length: WATCHERS }, () => watch(service, job)));
    assertEquals((await jobEnd(service, job)).state, "succeeded");
    assertEquals(new Set(watched).size, 1, "all see the same");
    const ids = [...watched[0].matchAll(/^id: ([0-9]+)$/gm)].map((match) => Number(match[1]));
    assertEquals(ids, Array.from({ length: EPOCHS + 4 }, (_, i) => i + 1)); // queued, running, epochs, succeeded, done
    const epochs = [...watched[0].matchAll(/"epoch":([0-9]+),/g)].map((match) => Number(match[1]));
    assertEquals(epochs, Array.from({ length: EPOCHS }, (_, i) => i + 1));
    const head = watched[0].slice(0, watched[0].indexOf("id: "));
    for (const after of [1, 17, 256, 300, EPOCHS + 3]) {
      const rest = watched[0].slice(watched[0].indexOf(`id: ${after + 1}\n`));
      assertEquals(await watch(service, job, after), head + rest, `after ${after}`);
    }
    assertEquals(await watch(service, job, EPOCHS + 4), head);
    assertEquals(await watch(service, job, 999_999), head);
    assert.equal((await service.fetch("/healthz")).status, 200);
  } finally {
    connections.forEach((connection) => connection.close());
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});

Deno.test("waiting for a job: as long as asked, no longer than it takes, and anything odd means not at all", async () => {
  const service = await startService();
  try {
    const cube = await uploadCube(service, await filmFile(12, 12, 16));
    const headers = { "content-type": "application/json", "prefer": "respond-async, wait=60" };
    const body = JSON.stringify(smallJob(cube.id, "waited"));
    assertEquals((await service.json("/v1/jobs", { method: "POST", body, headers }, 202)).state, "succeeded");
    const long = await submitJob(service, smallJob(cube.id, "long", { epochs: 10_000, filters: 16 }));
    for (const prefer of ["wait=0", "wait=", "wait=-5", "wait=1e3", "wait=x", "wait", "=", "w".repeat(5000)]) {
      assertEquals(
        (await service.json(`/v1/jobs/${long}`, { headers: { prefer } })).state !== "succeeded",
        true,
        prefer,
      );
    }
    const waiting = service.json(`/v1/jobs/${long}`, { headers: { prefer: "wait=999999999" } });
    await service.json(`/v1/jobs/${long}`, { method: "DELETE" });
    assertEquals((await waiting).state, "cancelled");
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
});
