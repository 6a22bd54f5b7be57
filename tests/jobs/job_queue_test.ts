import { StoredJobQueue } from "../../lib/jobs/queue/job_queue.ts";
import type { JobRecord } from "../../lib/schemas/job.ts";
import { jobQueueContract } from "../contracts/job_queue_contract.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assertEquals } from "../support/assert.ts";
import type { Store } from "../../lib/store/ports/store.ts";
import { delayedStore } from "../support/delayed_store.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

async function runProcesses(root: string, count: number, begun: () => Promise<void>) {
  const entry = new URL("support/claiming_runner.ts", import.meta.url).href;
  const processes = Array.from({ length: count }, (_, seed) => {
    const args = ["run", "-q", "-A", "--no-check", entry, root, String(seed)];
    return new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped" }).spawn();
  });
  const ready = processes.map(() => Promise.withResolvers<void>());
  const lines = processes.map(async (process, i) => {
    let text = "";
    for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (text.includes("ready")) ready[i].resolve();
    }
    const { success } = await process.status;
    if (!success) ready[i].reject(new Error(`Process ${i} failed`));
    return text.split("\n");
  });
  await Promise.all(ready.map(({ promise }) => promise));
  for (const { stdin } of processes) await stdin.close();
  await begun();
  const said = (all: string[], word: string) =>
    all.filter((line) => line.endsWith(` ${word}`)).map((line) => line.split(" ")[0]);
  return (await Promise.all(lines)).map((all) => ({
    claimed: said(all, "claimed"),
    cancelled: said(all, "cancelled"),
  }));
}

async function open(change: <S extends Store>(store: S) => S) {
  const store = await temporaryStore();
  const clock = testClock();
  const { jobs } = change(store);
  return {
    queue: new StoredJobQueue(jobs, clock),
    other: new StoredJobQueue(jobs, clock),
    runProcesses: (count: number, begun: () => Promise<void>) => runProcesses(store.folder.root, count, begun),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

jobQueueContract("queue in SQLite", () => open((store) => store));
jobQueueContract("the same behind random delays", () => open((store) => delayedStore(store)), { delayed: true });

Deno.test("the owner of a queue is told once of each job that ended, also of one cancelled before it ran", async () => {
  await using store = await temporaryStore();
  const ended: JobRecord[] = [];
  const queue = new StoredJobQueue(store.jobs, testClock(), (job) => ended.push(job));
  const submit = async () => (await queue.submit(trainRequest(), { caller: "key:a" })).job.id;
  const ids = [await submit(), await submit()];
  await queue.claim(["train"]);
  await queue.apply(ids[0], { type: "succeed" }, {});
  await queue.cancel(ids[1]);
  await queue.cancel(ids[1]);
  assertEquals(ended.map(({ id, state }) => [id, state]), [[ids[0], "succeeded"], [ids[1], "cancelled"]]);
});
