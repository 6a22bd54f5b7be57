import { createRandom, type Random } from "../../lib/base/random.ts";
import { openStore, type Store } from "../../lib/store/open_store.ts";
import { checkDataFolder } from "../../lib/store/check_data_folder.ts";
import { type RunningService, startService } from "../support/running_service.ts";
import { filmFile, smallJob } from "../support/small_cube.ts";
import { Ledger } from "./ledger.ts";
import { sleep } from "./watch.ts";

export interface ChaosOptions {
  rounds: number;
  seed?: number;
  say?: (line: string) => void;
}

const ZOO = new URL("../../zoo", import.meta.url).pathname;
const PATCH = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => Math.sin(i) * 5 + j));
const MOST_MS = 4000;
const MOST_CUBES = 12;
const JSON_HEADERS = { "content-type": "application/json" };

/**
 * Rounds of kill -9 at a random moment under uploads, deletes, jobs, cancels, aliases and predictions, all on one data
 * folder. After each the folder is examined: nothing wrong, all that was acknowledged there and equal, nothing else half
 * there. Throws at the first fault. Returns how many requests were acknowledged.
 */
export async function chaos({ rounds, seed = 1, say = () => {} }: ChaosOptions): Promise<Ledger> {
  const dataFolder = await Deno.makeTempDir({ prefix: "loopscope-chaos-" });
  const random = createRandom(seed);
  const ledger = new Ledger();
  try {
    for (let round = 1; round <= rounds; round++) {
      const service = await startService({ dataFolder });
      const stopped = { now: false };
      const work = Promise.all(WORK.map((run) => repeat(stopped, () => run(service, ledger, random))));
      // The first round has time for something to be acknowledged.
      await sleep(round === 1 ? 2 * MOST_MS : random.uniform() * MOST_MS);
      await service.kill();
      stopped.now = true;
      await work;
      await examine(dataFolder, ledger);
      if (round % 10 === 0) say(`${round} rounds, ${ledger.summary()}`);
    }
    return ledger;
  } finally {
    await Deno.remove(dataFolder, { recursive: true });
  }
}

type Work = (service: RunningService, ledger: Ledger, random: Random) => Promise<void>;
const WORK: readonly Work[] = [uploadOrDelete, uploadOrDelete, submitOrCancel, moveAlias, predict];

/** A request that found the service dead is no fault. */
async function repeat(stopped: { now: boolean }, run: () => Promise<void>): Promise<void> {
  while (!stopped.now) {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      await sleep(5);
    }
  }
}

async function uploadOrDelete(service: RunningService, ledger: Ledger, random: Random): Promise<void> {
  const victim = ledger.cubes.size >= MOST_CUBES ? ledger.someCube(random) : undefined;
  if (victim !== undefined) {
    ledger.cubes.delete(victim);
    ledger.unsure.add(victim);
    const { status } = await service.fetch(`/v1/cubes/${victim}`, { method: "DELETE" });
    if (status === 204) ledger.deleted(victim);
    if (status === 409) ledger.unsure.delete(victim);
    return;
  }
  const seed = Math.floor(random.uniform() * 2 ** 31);
  const body = await filmFile(12, 12, 8, seed);
  const headers = { "content-type": "application/octet-stream" };
  const answer = await service.fetch(`/v1/cubes?name=film-${seed}`, { method: "POST", body, headers });
  const cube = await answer.json();
  if (answer.status !== 201) throw unexpected(service, "An upload", answer.status);
  ledger.uploaded(cube);
}

async function submitOrCancel(service: RunningService, ledger: Ledger, random: Random): Promise<void> {
  const cube = ledger.someCube(random);
  if (cube === undefined) return await sleep(20);
  const key = crypto.randomUUID();
  const body = JSON.stringify(smallJob(cube, "chaos", { epochs: 1 + Math.floor(random.uniform() * 20), filters: 2 }));
  const headers = { ...JSON_HEADERS, "idempotency-key": key };
  const answer = await service.fetch("/v1/jobs", { method: "POST", body, headers });
  const job = await answer.json();
  if (answer.status !== 202) return; // its cube was deleted meanwhile
  ledger.submitted(job.id);
  if (random.uniform() < 0.2) {
    const { status } = await service.fetch(`/v1/jobs/${job.id}`, { method: "DELETE" });
    if (status === 200) ledger.jobs.set(job.id, "cancelled");
    return;
  }
  const ended = await service.fetch(`/v1/jobs/${job.id}`, { headers: { prefer: "wait=5" } }).then((it) => it.json());
  if (ended.state === "succeeded") ledger.trained(job.id, ended.result.version);
}

async function moveAlias(service: RunningService, ledger: Ledger, random: Random): Promise<void> {
  await sleep(20);
  const version = ledger.someVersion(random);
  if (version === undefined) return;
  ledger.aliasAttempts.add(version);
  const body = JSON.stringify({ version });
  const answer = await service.fetch("/v1/models/chaos/aliases/best", { method: "PUT", body, headers: JSON_HEADERS });
  await answer.body?.cancel();
  if (answer.status !== 200) throw unexpected(service, "An alias", answer.status);
  ledger.aliased(version);
}

async function predict(service: RunningService, ledger: Ledger): Promise<void> {
  const body = JSON.stringify({ model: "simulated-film-im2spec@1", inputs: PATCH });
  const answer = await service.fetch("/predict", { method: "POST", body, headers: JSON_HEADERS });
  const { outputs } = await answer.json();
  if (answer.status === 503) return await sleep(20);
  ledger.predicted(outputs.data);
}

function unexpected({ log }: RunningService, what: string, status: number): Error {
  const errors = log.filter((line) => line.includes('"level":"error"') || !line.startsWith("{"));
  return new Error(`${what} was answered ${status}:\n${errors.slice(-5).join("\n")}`);
}

/** As the doctor and the next start would find it. */
async function examine(dataFolder: string, ledger: Ledger): Promise<void> {
  const store = await openStore({ root: dataFolder, zooPath: ZOO });
  try {
    const findings: string[] = [];
    for await (const { code, subject, message } of checkDataFolder(store, { deep: true })) {
      // A parser that outlived its service by a moment may still write there; every start empties it.
      if (!subject.startsWith("tmp/")) findings.push(`${code} ${subject}: ${message}`);
    }
    if (findings.length > 0) throw new Error(`The doctor finds:\n${findings.join("\n")}`);
    compare(store, ledger);
  } finally {
    store.close();
  }
}

function compare(store: Store, ledger: Ledger): void {
  const fail = (what: string): never => {
    throw new Error(what);
  };
  for (const [id, record] of ledger.cubes) {
    if (JSON.stringify(store.cubes.get(id)) !== record) fail(`Cube ${id} was acknowledged and is not there as it was`);
  }
  for (const id of ledger.gone) if (store.cubes.get(id)) fail(`Cube ${id} was deleted and is there`);
  ledger.settle((id) => store.cubes.get(id));
  for (const [id, state] of ledger.jobs) {
    const met = store.jobs.get(id, { bare: true }) ?? fail(`Job ${id} was acknowledged and is not there`);
    if (state !== "submitted" && met.state !== state) fail(`Job ${id} had ${state} and is ${met.state}`);
  }
  for (const [job, version] of ledger.models) {
    if (store.models.madeBy(job)?.version !== version) fail(`Version ${version} of ${job} is not there`);
  }
  const alias = store.models.aliases.of("chaos").best;
  const wanted = [ledger.alias, ...ledger.aliasAttempts];
  if (!wanted.includes(alias)) fail(`The alias points to ${alias}, wanted one of ${wanted}`);
  ledger.alias = alias;
  ledger.aliasAttempts.clear();
}
