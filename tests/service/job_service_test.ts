import { StoredJobQueue } from "../../lib/jobs/queue/job_queue.ts";
import { parseSettings } from "../../lib/schemas/settings.ts";
import { createJobService } from "../../lib/service/job_service.ts";
import { Quotas } from "../../lib/service/quotas.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assertEquals } from "../support/assert.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

Deno.test("a job that is cancelled while it waits to go on leaves no checkpoint", async () => {
  await using store = await temporaryStore();
  const queue = new StoredJobQueue(store.jobs, testClock());
  const quotas = new Quotas(parseSettings({}), true);
  const stopping = new AbortController().signal;
  const jobs = createJobService({ store, queue, quotas, stopping, checkWebhook: () => {} });
  const { id } = (await queue.submit(trainRequest(), { caller: "address:1.2.3.4" })).job;
  await queue.claim(["train"]);
  await store.checkpoints.save(id, new Uint8Array(10));
  await queue.apply(id, { type: "restart" });
  assertEquals((await jobs.cancel(id)).state, "cancelled");
  assertEquals([...Deno.readDirSync(`${store.folder.root}/jobs`)], []);
});
