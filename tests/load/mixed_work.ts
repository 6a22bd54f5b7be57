import type { Random } from "../../lib/base/random.ts";
import type { RunningService } from "../support/running_service.ts";
import { filmFile, smallJob } from "../support/small_cube.ts";
import type { Ledger } from "./ledger.ts";
import { sleep } from "./watch.ts";

/** An answer that is not the one hoped for. */
export interface Refusal {
  what: "upload" | "delete" | "job" | "cancel" | "alias" | "predict" | "read" | "map" | "result";
  status: number;
  retryAfter: string | null;
  /** The body, parsed: a problem as a rule. */
  problem: { code?: string; detail?: string };
}

export interface WorkContext {
  service: RunningService;
  ledger: Ledger;
  random: Random;
  /** Throws where such a refusal is a fault. */
  onRefusal(refusal: Refusal): void;
}

export type Work = (context: WorkContext) => Promise<void>;

/** Uploads, deletes, jobs, cancels, aliases and predictions, each in a loop of its own. */
export const MIXED_WORK: readonly Work[] = [uploadOrDelete, uploadOrDelete, submitOrCancel, moveAlias, predict];

const PATCH = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => Math.sin(i) * 5 + j));
const MOST_CUBES = 12;
const JSON_HEADERS = { "content-type": "application/json" };

/** Runs all work again and again until `stopped`. A request that found the service dead is no fault. */
export async function workUntil(stopped: { now: boolean }, works: readonly Work[], context: WorkContext) {
  await Promise.all(works.map((work) => repeat(stopped, () => work(context))));
}

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

async function uploadOrDelete({ service, ledger, random, onRefusal }: WorkContext): Promise<void> {
  const victim = ledger.cubes.size >= MOST_CUBES ? ledger.someCube(random) : undefined;
  if (victim !== undefined) return await deleteCube(victim, { service, ledger, random, onRefusal });
  const seed = Math.floor(random.uniform() * 2 ** 31);
  const body = await filmFile(12, 12, 8, seed);
  const headers = { "content-type": "application/octet-stream" };
  const answer = await service.fetch(`/v1/cubes?name=film-${seed}`, { method: "POST", body, headers });
  const cube = await answer.json();
  if (answer.status !== 201) return onRefusal(refusalOf("upload", answer, cube));
  ledger.uploaded(cube);
}

/** Deletes a cube that the ledger has; one that a job uses stays. */
export async function deleteCube(victim: string, { service, ledger, onRefusal }: WorkContext): Promise<void> {
  const record = ledger.cubes.get(victim)!;
  ledger.cubes.delete(victim);
  ledger.unsure.add(victim);
  const answer = await service.fetch(`/v1/cubes/${victim}`, { method: "DELETE" });
  if (answer.status === 204) return ledger.deleted(victim);
  const problem = await answer.json();
  if (answer.status === 409) {
    ledger.unsure.delete(victim);
    ledger.cubes.set(victim, record);
  }
  onRefusal(refusalOf("delete", answer, problem));
}

async function submitOrCancel({ service, ledger, random, onRefusal }: WorkContext): Promise<void> {
  const cube = ledger.someCube(random);
  if (cube === undefined) return await sleep(20);
  const key = crypto.randomUUID();
  const body = JSON.stringify(smallJob(cube, "chaos", { epochs: 1 + Math.floor(random.uniform() * 20), filters: 2 }));
  const headers = { ...JSON_HEADERS, "idempotency-key": key };
  const answer = await service.fetch("/v1/jobs", { method: "POST", body, headers });
  const job = await answer.json();
  if (answer.status !== 202) return onRefusal(refusalOf("job", answer, job));
  ledger.submitted(job.id);
  if (random.uniform() < 0.2) {
    ledger.jobs.set(job.id, "cancelling");
    const cancelled = await service.fetch(`/v1/jobs/${job.id}`, { method: "DELETE" });
    if (cancelled.status === 200) ledger.jobs.set(job.id, "cancelled");
    else if ([404, 409].includes(cancelled.status)) ledger.jobs.set(job.id, "submitted");
    const told = await cancelled.json();
    if (cancelled.status !== 200) onRefusal(refusalOf("cancel", cancelled, told));
    return;
  }
  const ended = await service.fetch(`/v1/jobs/${job.id}`, { headers: { prefer: "wait=5" } }).then((it) => it.json());
  if (ended.state === "succeeded") ledger.trained(job.id, ended.result.version);
}

async function moveAlias({ service, ledger, random, onRefusal }: WorkContext): Promise<void> {
  await sleep(20);
  const version = ledger.someVersion(random);
  if (version === undefined) return;
  ledger.aliasAttempts.add(version);
  const body = JSON.stringify({ version });
  const answer = await service.fetch("/v1/models/chaos/aliases/best", { method: "PUT", body, headers: JSON_HEADERS });
  if (answer.status === 200) ledger.aliased(version);
  const told = await answer.json();
  if (answer.status !== 200) onRefusal(refusalOf("alias", answer, told));
}

async function predict({ service, ledger, onRefusal }: WorkContext): Promise<void> {
  const body = JSON.stringify({ model: "simulated-film-im2spec@1", inputs: PATCH });
  const answer = await service.fetch("/predict", { method: "POST", body, headers: JSON_HEADERS });
  const prediction = await answer.json();
  if (answer.status !== 200) {
    onRefusal(refusalOf("predict", answer, prediction));
    return await sleep(20);
  }
  ledger.predicted(prediction.outputs.data);
}

export function refusalOf(what: Refusal["what"], { status, headers }: Response, problem: Refusal["problem"]): Refusal {
  return { what, status, problem, retryAfter: headers.get("retry-after") };
}

/** A fault, with the last errors of the service's log. */
export function unexpected({ log }: RunningService, { what, status, problem }: Refusal): Error {
  const errors = log.filter((line) => line.includes('"level":"error"') || !line.startsWith("{"));
  return new Error(`${what} was answered ${status} ${problem.code}: ${problem.detail}\n${errors.slice(-5).join("\n")}`);
}
