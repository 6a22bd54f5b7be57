import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";
import { footprintOf, latenciesOf, probe, sleep, watchHealth } from "./watch.ts";

const MODEL = "simulated-film-im2spec@1";
const CONNECTIONS = 64;

interface Shot {
  requests: { average: number };
  latency: { p50: number; p99: number; max: number };
  statusCodeStats: Record<string, { count: number }>;
  errors: number;
  timeouts: number;
}

/** Single patches to `/predict` while a training job runs: first as fast as 64 connections go, then at twice that rate. */
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
    const rate = Math.ceil(2 * full.requests.average);
    const headers = { "content-type": "application/json", connection: "close" };
    const stop = probe(`${service.url}/predict`, { method: "POST", body, headers });
    const over = await shoot(service, body, { seconds: Math.ceil(seconds / 2), connections: 512, rate });
    report(`512 connections, ${rate} requests a second wanted, training`, over);
    for (const [status, times] of Object.entries(await stop())) {
      console.log(`another caller's answers ${status} meanwhile`, JSON.stringify(latenciesOf(times)));
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
  { seconds, connections, rate }: { seconds: number; connections: number; rate?: number },
): Promise<Shot> {
  const args = ["run", "-q", "-A", "npm:autocannon@8.0.0", "-j", "-m", "POST", "-H", "content-type=application/json"];
  const load = ["-c", String(connections), "-d", String(seconds), ...(rate ? ["-R", String(rate)] : [])];
  const cannon = new Deno.Command(Deno.execPath(), {
    args: [...args, ...load, "-b", body, `${service.url}/predict`],
    stderr: "null",
  });
  const { stdout } = await cannon.output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

function report(what: string, { requests, latency, statusCodeStats, errors, timeouts }: Shot): void {
  const { p50, p99, max } = latency;
  const statuses = Object.fromEntries(Object.entries(statusCodeStats).map(([status, { count }]) => [status, count]));
  console.log(what, JSON.stringify({ perSecond: requests.average, p50, p99, max, statuses, errors, timeouts }));
}
