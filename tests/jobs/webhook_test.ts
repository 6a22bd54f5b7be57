import { createHmac } from "node:crypto";
import { systemClock } from "../../lib/base/clock.ts";
import { createLog } from "../../lib/base/log.ts";
import { StoredJobQueue } from "../../lib/jobs/queue/job_queue.ts";
import { checkWebhook, WebhookSender } from "../../lib/jobs/queue/webhook.ts";
import { trainRequest } from "../contracts/record_store_contract.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { refuseChanges } from "../support/refuse_changes.ts";
import { temporaryStore } from "../support/temporary_store.ts";

const secret = new TextEncoder().encode("shared");

/** A receiver that answers with these statuses, and a queue whose jobs tell it. */
async function open(statuses: number[], allowed = true) {
  const store = await temporaryStore();
  const received: { body: string; headers: Headers; path: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    received.push({ body: await request.text(), headers: request.headers, path: new URL(request.url).pathname });
    const status = statuses[received.length - 1] ?? 200;
    return new Response(null, { status, headers: status === 302 ? { location: "/elsewhere" } : {} });
  });
  const host = `127.0.0.1:${server.addr.port}`;
  const sender = new WebhookSender({
    store: store.jobs,
    clock: systemClock,
    log: createLog(() => {}),
    allowedHosts: allowed ? [host] : [],
    secret,
    backoffMs: [1, 1],
  });
  const queue = new StoredJobQueue(store.jobs, systemClock, (job) => sender.notify(job));
  return {
    received,
    sender,
    store,
    queue,
    submit: async () =>
      (await queue.submit(trainRequest({ webhook: `http://${host}/told` }), { caller: "key:a" })).job.id,
    settled: async () => {
      while ((await store.jobs.unnotified()).length > 0) await new Promise((resolve) => setTimeout(resolve, 2));
    },
    async [Symbol.asyncDispose]() {
      await sender.close();
      await server.shutdown();
      await store[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a webhook gets the job as it ended, signed over time and body", async () => {
  await using under = await open([200]);
  const id = await under.submit();
  await under.queue.cancel(id);
  await under.settled();
  const [{ body, headers, path }] = under.received;
  assertEquals([JSON.parse(body).id, JSON.parse(body).state, path], [id, "cancelled", "/told"]);
  const timestamp = headers.get("x-loopscope-timestamp");
  assert.ok(Math.abs(Number(timestamp) * 1000 - Date.now()) < 60_000);
  const wanted = createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
  assertEquals(headers.get("x-loopscope-signature"), `sha256=${wanted}`);
});

Deno.test("a failing receiver is tried a few times, then left alone", async () => {
  await using under = await open([500, 503, 500, 200]);
  await under.queue.cancel(await under.submit());
  await under.settled();
  assertEquals(under.received.length, 3);
});

Deno.test("a redirect is not followed", async () => {
  await using under = await open([302, 302, 302]);
  await under.queue.cancel(await under.submit());
  await under.settled();
  assertEquals(under.received.map(({ path }) => path), ["/told", "/told", "/told"]);
});

Deno.test("a host that the owner did not allow is never called", async () => {
  await using under = await open([], false);
  await under.queue.cancel(await under.submit());
  await under.settled();
  assertEquals(under.received, []);
});

Deno.test("what a stopped process left untold is told after the next start", async () => {
  await using under = await open([200]);
  const silent = new StoredJobQueue(under.store.jobs, systemClock);
  const id = await under.submit();
  await silent.cancel(id);
  await under.sender.resume();
  await under.settled();
  assertEquals(under.received.map(({ body }) => JSON.parse(body).id), [id]);
});

Deno.test("a telling that could not be recorded for want of room is told again after the next start", async () => {
  await using under = await open([200, 200]);
  const id = await under.submit();
  {
    using _ = refuseChanges(under.store, "UPDATE OF notified_ms ON jobs");
    await under.queue.cancel(id);
    while (under.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await under.sender.close();
  }
  assertEquals((await under.store.jobs.unnotified()).map((job) => job.id), [id]);
});

Deno.test("webhooks are checked when a job is submitted", async () => {
  checkWebhook("https://lab.example/x", ["lab.example"]);
  checkWebhook("http://lab.example:81/x", ["lab.example:81"]);
  const refused = [
    "http://169.254.169.254/",
    "https://lab.example.evil/",
    "ftp://lab.example/",
    "https://a@lab.example/",
  ];
  for (const url of refused) await assertFailsWith("webhook_not_allowed", () => checkWebhook(url, ["lab.example"]));
});
