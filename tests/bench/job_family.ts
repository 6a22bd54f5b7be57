import { jobEnd, type RunningService, startService } from "../support/running_service.ts";
import type { BenchOptions, Family, Round } from "./family.ts";

const EPOCHS = 60;
const POLL_MS = 20;
const CASES = [{ direction: "im2spec", window: 8 }, { direction: "spec2im", window: 16 }] as const;

interface Job {
  id: string;
  state: string;
  progress?: { phase?: string };
}

/**
 * Whole training jobs of 60 epochs on the demo cube over HTTP, from submission to the saved model, and how long each phase
 * took. `queued` is the time before the first phase, `ending` that between the saved model and the job's end.
 */
export const trainJobFamily: Family = {
  title: `train-job: ${EPOCHS} epochs on the demo cube`,
  rounds: 1,
  goals: {},
  ours,
};

async function ours({ engine, threads, windows }: BenchOptions): Promise<Round> {
  const environment = { LOOPSCOPE_ENGINE: engine, LOOPSCOPE_THREADS: String(threads) };
  const service = await startService({ environment });
  try {
    const rounds: Round[] = [];
    for (const wanted of CASES.filter(({ window }) => windows.includes(window))) {
      rounds.push(await timeJob(service, wanted));
    }
    return Object.assign({}, ...rounds);
  } finally {
    await service.stop();
    await Deno.remove(service.dataFolder, { recursive: true });
  }
}

async function timeJob(service: RunningService, wanted: (typeof CASES)[number]): Promise<Round> {
  const { items } = await service.json<{ items: { id: string }[] }>("/v1/cubes");
  const name = `${wanted.direction} ${wanted.window}`;
  const body = { kind: "train", cube: items[0].id, ...wanted, epochs: EPOCHS, saveAs: name.replace(" ", "-") };
  const start = performance.now();
  const headers = { "Content-Type": "application/json" };
  const { id } = await service.json<Job>("/v1/jobs", { method: "POST", headers, body: JSON.stringify(body) });
  const round: Round = { [`job ${name}`]: 0 };
  let phase = "queued", since = start;
  for (let state = "queued"; state === "queued" || state === "running";) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const job = await service.json<Job>(`/v1/jobs/${id}`);
    const now = performance.now();
    state = job.state;
    const met = job.progress?.phase ?? phase;
    const ended = state !== "queued" && state !== "running";
    if (met === phase && !ended) continue;
    round[`  ${phase}`.padEnd(15) + name] = now - since;
    [phase, since] = [met, now];
  }
  round[`job ${name}`] = performance.now() - start;
  const { state, error } = await jobEnd(service, id);
  if (state !== "succeeded") throw new Error(`Job ended as ${state}: ${JSON.stringify(error)}`);
  return round;
}
