import { SHARED } from "../support/shared.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob, submitJob, uploadCube } from "../support/small_cube.ts";
import { footprintOf, latenciesOf, probe, sleep, watchHealth } from "./watch.ts";

const MODEL = "simulated-film-im2spec@1";
const CONNECTIONS = 64;
const SECONDS_EACH = 6;
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
 * one client, 32 and 64 as fast as they go, 64 also while a training job runs, then about twice as many as are answered
 * then. With the peer, a service of FastAPI and PyTorch gets the same in the same minute.
 */
export async function predictLoad(seconds: number, withPeer: boolean): Promise<void> {
  const service = await startService();
  try {
    const body = JSON.stringify({ model: MODEL, inputs: await onePatch(service) });
    await shoot(service, body, { seconds: 3, connections: CONNECTIONS });
    for (const connections of [1, 32]) {
      report(words(connections), await shoot(service, body, { seconds: SECONDS_EACH, connections }));
    }
    if (withPeer) await runPeer(body);
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

/** FastAPI and PyTorch beside ours; says why where they are not here. */
async function runPeer(body: string): Promise<void> {
  if (!SHARED) return console.log("no peer here: the folder ../shared is absent");
  const peers = new URL("peers/", SHARED);
  const python = Deno.env.get("LOOPSCOPE_PYTHON") ?? "/usr/bin/python3";
  const script = new URL("./predict_peer.py", import.meta.url).pathname;
  const port = 20_000 + Deno.pid % 20_000;
  const command = new Deno.Command(python, {
    args: [script, String(port), peers.pathname],
    stdout: "piped",
    stderr: "piped",
  });
  const process = command.spawn();
  const errors = new Response(process.stderr).text();
  const reader = process.stdout.getReader();
  const { done } = await reader.read();
  if (done) {
    const reason = (await errors).trim().split("\n").at(-1);
    return console.log(`no peer here (LOOPSCOPE_PYTHON with fastapi, uvicorn, torch; ../shared/peers): ${reason}`);
  }
  try {
    const url = `http://127.0.0.1:${port}`;
    await shoot({ url }, body, { seconds: 2, connections: 1 });
    for (const connections of [1, 32]) {
      report(`peer, ${words(connections)}`, await shoot({ url }, body, { seconds: SECONDS_EACH, connections }));
    }
  } finally {
    process.kill();
    await reader.cancel();
    await Promise.all([process.status, errors]);
  }
}

function words(connections: number): string {
  return connections === 1 ? "1 client" : `${connections} clients`;
}

async function onePatch(service: RunningService): Promise<number[][]> {
  const [name, version] = MODEL.split("@");
  const { network } = await service.json<{ network: { window: number } }>(`/v1/models/${name}/versions/${version}`);
  return Array.from({ length: network.window }, (_, i) => Array.from({ length: network.window }, (_, j) => i + j / 8));
}

async function shoot(
  service: Pick<RunningService, "url">,
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
