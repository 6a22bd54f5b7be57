import { StoredJobQueue } from "../../lib/jobs/job_queue.ts";
import type { JobRecord } from "../../lib/schemas/job.ts";
import { jobQueueContract } from "../contracts/job_queue_contract.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assertEquals } from "../support/assert.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

jobQueueContract("queue in SQLite", async () => {
  const store = await temporaryStore();
  const clock = testClock();
  return {
    queue: new StoredJobQueue(store.jobs, clock),
    other: new StoredJobQueue(store.jobs, clock),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});

Deno.test("the owner of a queue is told once of each job that ended, also of one cancelled before it ran", async () => {
  await using store = await temporaryStore();
  const ended: JobRecord[] = [];
  const queue = new StoredJobQueue(store.jobs, testClock(), (job) => ended.push(job));
  const ids = [1, 2].map(() => queue.submit(trainRequest(), { caller: "key:a" }).job.id);
  queue.claim(["train"]);
  queue.apply(ids[0], { type: "succeed" }, {});
  queue.cancel(ids[1]);
  queue.cancel(ids[1]);
  assertEquals(ended.map(({ id, state }) => [id, state]), [[ids[0], "succeeded"], [ids[1], "cancelled"]]);
});
