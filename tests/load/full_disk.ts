import { createRandom, type Random } from "../../lib/base/random.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { type DiskKind, smallDisk } from "../support/small_disk.ts";
import { Ballast } from "./ballast.ts";
import { examine } from "./examine.ts";
import { FULL_DISK_WORK } from "./full_disk_work.ts";
import { Ledger } from "./ledger.ts";
import { deleteCube, MIXED_WORK, type Refusal, unexpected, workUntil } from "./mixed_work.ts";
import { sleep } from "./watch.ts";

export interface FullDiskOptions {
  rounds: number;
  kind?: DiskKind;
  seed?: number;
  say?: (line: string) => void;
}

const DISK_MIB = 256;
const MOST_LEFT_BYTES = 400_000;
const RECOVERY_MS = 30_000;
/** How a round ends: three of six go on with the same process. */
const ENDINGS = ["free", "kill -9", "free", "SIGTERM", "free", "free, kill -9"] as const;

/**
 * Rounds of a disk that another program fills to the last bytes, at random moments and now and then for a blink, under
 * uploads, deletes, jobs, aliases, image channels, results and predictions. While it is full nothing may be answered but
 * what was asked for or a clear `disk_full`; reading, predicting, deleting and cancelling go on. Then the service is
 * killed, stopped, or goes on by itself when there is room again; the folder is examined as after kill -9. Throws at the
 * first fault. Returns how many requests were acknowledged, and how many refused for want of room.
 */
export async function fullDisk(
  { rounds, kind, seed = 1, say = () => {} }: FullDiskOptions,
): Promise<{ ledger: Ledger; refused: number }> {
  await using disk = await smallDisk(DISK_MIB, kind);
  if (!disk) throw new Error("No small disk can be mounted here: this needs Linux and root");
  const random = createRandom(seed);
  const ledger = new Ledger();
  const ballast = new Ballast(disk.path);
  const dataFolder = `${disk.path}/data`;
  let service: RunningService | undefined;
  const refused = { requests: 0 };
  try {
    for (let round = 1; round <= rounds; round++) {
      service ??= await startService({ dataFolder });
      const ending = ENDINGS[round % ENDINGS.length];
      service = await runRound({ service, ledger, random, ballast, refused }, ending);
      if (round % 10 === 0) say(`${round} rounds, ${ledger.summary()}, ${refused.requests} refused for want of room`);
    }
    service ??= await startService({ dataFolder });
    await allJobsEnded(service, ledger);
    return { ledger, refused: refused.requests };
  } finally {
    await service?.kill();
  }
}

interface Round {
  service: RunningService;
  ledger: Ledger;
  random: Random;
  ballast: Ballast;
  /** Requests refused with `disk_full` so far. */
  refused: { requests: number };
}

/** Returns the service where it goes on. */
async function runRound(round: Round, ending: typeof ENDINGS[number]): Promise<RunningService | undefined> {
  const { service, ledger, random, ballast, refused } = round;
  const stopped = { now: false, service: false };
  const context = {
    ...{ service, ledger, random },
    onRefusal(refusal: Refusal) {
      if (isDiskFull(refusal)) refused.requests++;
      else if (!isExpected(refusal) && !stopped.service) throw unexpected(service, refusal);
    },
  };
  const work = workUntil(stopped, [...MIXED_WORK, ...FULL_DISK_WORK], context);
  void work.catch(() => {}); // it is awaited below
  for (let waits = 0; ledger.counts.models === 0 && waits < 100; waits++) await sleep(50);
  await sleep(random.uniform() * 1000);
  for (let blinks = Math.floor(random.uniform() * 3); blinks > 0; blinks--) {
    ballast.fill(random.uniform() ** 3 * MOST_LEFT_BYTES);
    await sleep(random.uniform() * 500);
    ballast.remove();
    await sleep(random.uniform() * 300);
  }
  ballast.fill(random.uniform() ** 3 * MOST_LEFT_BYTES);
  await sleep(random.uniform() * 1500);
  for (let i = 0; i < 2; i++) {
    const victim = ledger.someCube(random);
    if (victim !== undefined) await deleteCube(victim, context);
  }
  if (ending === "kill -9" || ending === "SIGTERM") {
    stopped.service = true;
    await (ending === "SIGTERM" ? stopCleanly(service) : service.kill());
  }
  ballast.remove();
  if (ending.startsWith("free")) await sleep(random.uniform() * 500);
  if (ending === "free, kill -9") await service.kill();
  stopped.now = true;
  await work;
  const goesOn = ending === "free";
  if (goesOn) await hasRecovered(round);
  await examine(service.dataFolder, ledger, { shared: goesOn });
  return goesOn ? service : undefined;
}

function isDiskFull({ what, status, problem, retryAfter }: Refusal): boolean {
  // What frees room, and what needs none, must not be refused for want of it.
  if (["delete", "cancel", "predict", "read"].includes(what)) return false;
  return status === 503 && problem.code === "disk_full" && Number(retryAfter) > 0;
}

/** The cube is in use, was deleted meanwhile, or the job has ended. */
function isExpected({ status }: Refusal): boolean {
  return status === 404 || status === 409;
}

async function stopCleanly(service: RunningService): Promise<void> {
  const { code } = await service.stop();
  if (code !== 0) {
    throw new Error(`SIGTERM on a full disk ended with code ${code}:\n${service.log.slice(-5).join("\n")}`);
  }
}

/** With room again the same process takes uploads and ends its jobs. */
async function hasRecovered({ service, ledger, random }: Round): Promise<void> {
  const stopped = { now: false };
  const before = ledger.counts.uploads;
  const context = {
    ...{ service, ledger, random },
    onRefusal(refusal: Refusal) {
      if (!isExpected(refusal)) throw unexpected(service, refusal);
    },
  };
  const uploading = workUntil(stopped, [MIXED_WORK[0]], context);
  const deadline = Date.now() + RECOVERY_MS;
  while (ledger.counts.uploads === before && Date.now() < deadline) await Promise.race([sleep(20), uploading]);
  stopped.now = true;
  await uploading;
  if (ledger.counts.uploads === before) throw new Error("No upload was taken after the disk had room again");
  await allJobsEnded(service, ledger);
}

async function allJobsEnded(service: RunningService, ledger: Ledger): Promise<void> {
  const deadline = Date.now() + RECOVERY_MS;
  for (const [id, state] of ledger.jobs) {
    if (state !== "submitted" && state !== "cancelling") continue;
    let job = await service.json<{ state: string; error?: { code: string } }>(`/v1/jobs/${id}`);
    while (["queued", "running"].includes(job.state) && Date.now() < deadline) {
      job = await service.json(`/v1/jobs/${id}`, { headers: { prefer: "wait=5" } });
    }
    if (state === "cancelling" && job.state === "cancelled") {
      ledger.jobs.set(id, "cancelled");
      continue;
    }
    if (job.state !== "succeeded") throw new Error(`Job ${id} is ${job.state}: ${JSON.stringify(job.error)}`);
    const { result } = job as unknown as { result: { version: number } };
    ledger.trained(id, result.version);
  }
}
