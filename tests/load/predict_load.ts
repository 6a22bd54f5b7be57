import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";
import { footprintOf, latenciesOf, probe, sleep, watchHealth } from "./watch.ts";

const MODEL = "simulated-film-im2spec@1";
const CONNECTIONS = 64;
const MANY_CONNECTIONS = 512;
/** Clients with one request at a time each, whose answers are timed by status. */
const PROBES = 4;

interface Shot {
  perSecond: number;
  p50: number;
  p99: number;
  max: number;
  statuses: Record<string, number>;
  errors: number;
}

/**
 * Single patches to `/predict`, sent by wrk (`apt-get install wrk`), which takes little of the machine from the service:
 * as fast as 64 connections go, alone and while a training job runs, then about twice as many as are answered then.
 */
export async function predictLoad(seconds: number): Promise<void> {
  const service = await startService();
  try {
    const body = JSON.stringify({ model: MODEL, inputs: await onePatch(service) });
    await shoot(service, body, { seconds: 3, connections: CONNECTIONS });
    const alone = await shoot(service, body, { seconds: Math.ceil(seconds / 4), connections: CONNECTIONS });
    report("64 connections, no training", alone);
    const cube = await uploadCube(service, await filmFile(50, 50, 64));
    const job = await submitJob(service, smallJob(cube.id, "load", { window: 8, filters: 64, epochs: 10_000 }));
    while ((await service.json(`/v1/jobs/${job}`)).progress === undefined) await sleep(200);
    const idle = watchHealth(service);
    await sleep(10_000);
    console.log("healthz while training on all cores", JSON.stringify(await idle()));
    console.log("before", JSON.stringify(footprintOf(service)));
    const health = watchHealth(service);
    const full = await shoot(service, body, { seconds, connections: CONNECTIONS });
    report("64 connections, training", full);
    console.log("healthz meanwhile", JSON.stringify(await health()));
    console.log("after", JSON.stringify(footprintOf(service)));
    // A connection sends one request in each rest and answer.
    const delayMs = Math.round(1000 * MANY_CONNECTIONS / (2 * full.perSecond) - full.p50);
    const headers = { "content-type": "application/json" };
    const probes = Array.from(
      { length: PROBES },
      () => probe(`${service.url}/predict`, { method: "POST", body, headers }),
    );
    const over = await shoot(service, body, {
      seconds: Math.ceil(seconds / 2),
      connections: MANY_CONNECTIONS,
      delayMs,
    });
    report(`${MANY_CONNECTIONS} connections, about twice that, training`, over);
    const answers = await Promise.all(probes.map((stop) => stop()));
    for (const status of new Set(answers.flatMap((times) => Object.keys(times).map(Number)))) {
      const times = answers.flatMap((times) => times[status] ?? []);
      console.log(`other clients' answers ${status} meanwhile`, JSON.stringify(latenciesOf(times)));
    }
    console.log("after", JSON.stringify(footprintOf(service)));
    const cancelledMs = performance.now();
    await service.json(`/v1/jobs/${job}`, { method: "DELETE" });
    const next = await submitJob(service, smallJob(cube.id, "next"));
    while ((await service.json(`/v1/jobs/${next}`)).progress === undefined) await sleep(10);
    console.log(`after a cancel the next job has its first epoch in ${Math.round(performance.now() - cancelledMs)} ms`);
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

async function onePatch(service: RunningService): Promise<number[][]> {
  const [name, version] = MODEL.split("@");
  const { network } = await service.json<{ network: { window: number } }>(`/v1/models/${name}/versions/${version}`);
  return Array.from({ length: network.window }, (_, i) => Array.from({ length: network.window }, (_, j) => i + j / 8));
}

async function shoot(
  service: RunningService,
  body: string,
  { seconds, connections, delayMs = 0 }: { seconds: number; connections: number; delayMs?: number },
): Promise<Shot> {
  const script = new URL("./predict.lua", import.meta.url).pathname;
  const wrk = new Deno.Command("wrk", {
    args: ["-t1", `-c${connections}`, `-d${seconds}`, "-s", script, `${service.url}/predict`],
    env: { PREDICT_BODY: body, DELAY_MS: String(delayMs) },
  });
  const { stdout } = await wrk.output();
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

function report(what: string, shot: Shot): void {
  console.log(what, JSON.stringify(shot));
}
