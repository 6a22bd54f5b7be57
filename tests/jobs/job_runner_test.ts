import { systemClock } from "../../lib/base/clock.ts";
import { LoopscopeError } from "../../lib/base/errors.ts";
import { createLog } from "../../lib/base/log.ts";
import { StoredJobQueue } from "../../lib/jobs/queue/job_queue.ts";
import { type ExecuteJob, JobRunner } from "../../lib/jobs/queue/job_runner.ts";
import type { JobContext } from "../../lib/jobs/queue/running_job.ts";
import { progressAt, trainRequest } from "../contracts/record_store_contract.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { refuseChanges } from "../support/refuse_changes.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

const TEN_SECONDS = 10_000;
const caller = "key:a";

async function open(execute: ExecuteJob, concurrency = 1) {
  const store = await temporaryStore();
  const queue = new StoredJobQueue(store.jobs, systemClock);
  const make = () =>
    new JobRunner({
      queue,
      store: store.jobs,
      checkpoints: store.checkpoints,
      execute,
      clock: systemClock,
      log: createLog(() => {}),
      lanes: [{ kinds: ["train"], concurrency }],
    });
  const runners: JobRunner[] = [];
  const start = () => {
    const runner = make();
    runners.push(runner);
    runner.start();
    return runner;
  };
  return {
    store,
    queue,
    start,
    submit: async (saveAs = "film") => (await queue.submit(trainRequest({ saveAs }), { caller })).job.id,
    ended: (id: string) => queue.waitFor(id, TEN_SECONDS),
    async [Symbol.asyncDispose]() {
      for (const runner of runners) await runner.drain(0);
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Resolves when the signal fires. */
function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve()));
}

function files(path: string): string[] {
  return [...Deno.readDirSync(path)].map((entry) => entry.name);
}

Deno.test("jobs run one after the other and end with their results and curves", async () => {
  const order: string[] = [];
  let atOnce = 0;
  await using under = await open(async (job, { onEpoch }) => {
    assertEquals(++atOnce, 1);
    const name = job.kind === "train" && job.request.kind === "train" ? job.request.saveAs : "";
    order.push(name);
    for (let epoch = 1; epoch <= 3; epoch++) onEpoch(progressAt(epoch));
    await Promise.resolve();
    atOnce--;
    return { model: name, version: 1 };
  });
  const ids: string[] = [];
  for (const name of ["one", "two", "three"]) ids.push(await under.submit(name));
  under.start();
  const last = await under.ended(ids[2]);
  assertEquals(order, ["one", "two", "three"]);
  assertEquals([last.state, last.result], ["succeeded", { model: "three", version: 1 }]);
  assertEquals(last.history?.trainLoss, [1, 1 / 2, 1 / 3]);
  assertEquals(last.progress, progressAt(3));
});

Deno.test("what a training does is told with its progress, in the order of its epochs", async () => {
  const middle = Promise.withResolvers<void>(), seen = Promise.withResolvers<void>();
  await using under = await open(async (_job, { onEpoch, onPhase }) => {
    onPhase("preparing");
    middle.resolve();
    await seen.promise;
    onPhase("training");
    onEpoch(progressAt(1));
    onPhase("scoring");
    return {};
  });
  const id = await under.submit("one");
  under.start();
  await middle.promise;
  let before = await under.queue.get(id);
  while (!before.progress) before = await under.queue.get(id);
  assertEquals([before.progress.phase, before.progress.epoch, before.progress.trainLoss], ["preparing", 0, null]);
  seen.resolve();
  const { progress, history } = await under.ended(id);
  assertEquals(progress, { ...progressAt(1), phase: "scoring" });
  assertEquals(history?.trainLoss, [1], "phases are no epochs");
  const events = await under.store.jobs.eventsAfter(id, 0);
  assertEquals(events.map(({ event }) => event), ["state", "state", "epoch", "state", "done"]);
});

Deno.test("a lane runs as many jobs at a time as it has places", async () => {
  let atOnce = 0, most = 0;
  await using under = await open(async () => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, 5));
    atOnce--;
    return {};
  }, 2);
  const ids = await Promise.all(Array.from({ length: 6 }, () => under.submit()));
  under.start();
  for (const id of ids) assertEquals((await under.ended(id)).state, "succeeded");
  assertEquals(most, 2);
});

Deno.test("a failure is kept with its code and reason", async () => {
  await using under = await open(() =>
    Promise.reject(new LoopscopeError("unprocessable", "loss_is_nan", "The loss is NaN at epoch 4"))
  );
  under.start();
  const job = await under.ended(await under.submit());
  assertEquals([job.state, job.error], ["failed", { code: "loss_is_nan", detail: "The loss is NaN at epoch 4" }]);
});

Deno.test("a job whose worker dies is run again from its checkpoint; the second death is final", async () => {
  const seen: (string | undefined)[] = [];
  await using under = await open(async (_job, { checkpoint, onCheckpoint }) => {
    seen.push(checkpoint && new TextDecoder().decode(checkpoint));
    await onCheckpoint(new TextEncoder().encode(`after run ${seen.length}`));
    throw new LoopscopeError("unavailable", "worker_lost", "The worker process ended with SIGKILL");
  });
  under.start();
  const job = await under.ended(await under.submit());
  assertEquals(seen, [undefined, "after run 1"]);
  assertEquals([job.state, job.attempts, job.error?.code], ["failed", 2, "worker_lost"]);
});

Deno.test("cancelling stops the work, gives its place free and removes its checkpoint", async () => {
  let stopped = false;
  await using under = await open(async (job, { signal, onCheckpoint }) => {
    if (job.request.kind === "train" && job.request.saveAs === "next") return {};
    await onCheckpoint(new Uint8Array(10));
    await fired(signal);
    stopped = true;
    throw signal.reason;
  });
  under.start();
  const id = await under.submit();
  while (files(`${under.store.folder.root}/jobs`).length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  await under.queue.cancel(id);
  assertEquals((await under.ended(await under.submit("next"))).state, "succeeded");
  assert.ok(stopped);
  assertEquals((await under.queue.get(id)).state, "cancelled");
  assertEquals(files(`${under.store.folder.root}/jobs`), []);
});

Deno.test("a cancelled job whose record is removed before its work has stopped gives its place free", async () => {
  const begun = Promise.withResolvers<void>(), release = Promise.withResolvers<void>();
  await using under = await open(async (job) => {
    if (job.request.kind === "train" && job.request.saveAs === "next") return {};
    begun.resolve();
    await release.promise;
    return {};
  });
  under.start();
  const id = await under.submit();
  await begun.promise;
  await under.store.checkpoints.save(id, new Uint8Array(10));
  await under.queue.cancel(id);
  assertEquals(await under.store.jobs.prune({ finishedBeforeMs: Infinity, keep: 0 }), [id]);
  release.resolve();
  assertEquals((await under.ended(await under.submit("next"))).state, "succeeded");
  assertEquals(files(`${under.store.folder.root}/jobs`), []);
});

Deno.test("draining lets a job save its checkpoint, and the next start goes on from it", async () => {
  const contexts: JobContext[] = [];
  await using under = await open(async (_job, context) => {
    contexts.push(context);
    if (context.checkpoint) {
      context.onEpoch(progressAt(2));
      return { model: "film", version: 1 };
    }
    context.onEpoch(progressAt(1));
    await fired(context.draining);
    await context.onCheckpoint(Uint8Array.of(1, 2, 3));
    throw new Error("draining");
  });
  const id = await under.submit();
  const first = under.start();
  while (contexts.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  await first.drain(TEN_SECONDS);
  assertEquals([(await under.queue.get(id)).state, (await under.queue.get(id)).attempts], ["queued", 0]);
  under.start();
  const job = await under.ended(id);
  assertEquals(job.state, "succeeded");
  assertEquals(contexts[1].checkpoint, Uint8Array.of(1, 2, 3));
  assertEquals(job.history?.trainLoss, [1, 1 / 2]);
});

Deno.test("a job that does not stop when the service drains is cut off and queued", async () => {
  let context: JobContext | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  await using under = await open(async (_job, given) => {
    context = given;
    await promise;
    return { model: "film", version: 1 };
  });
  const id = await under.submit();
  const runner = under.start();
  while (!context) await new Promise((resolve) => setTimeout(resolve, 2));
  await runner.drain(1);
  assertEquals((await under.queue.get(id)).state, "queued");
  assert.ok(context.signal.aborted);
  resolve();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals((await under.queue.get(id)).state, "queued");
});

Deno.test("a start requeues what a killed process left running", async () => {
  await using under = await open(() => Promise.resolve({}));
  const id = await under.submit();
  await under.queue.claim(["train"]);
  await under.store.checkpoints.save(id, new Uint8Array(5));
  under.start();
  assertEquals((await under.ended(id)).state, "succeeded");
  assertEquals(files(`${under.store.folder.root}/jobs`), []);
});

Deno.test("what could not be requeued at the start for want of room is requeued when there is some", async () => {
  await using under = await open(() => Promise.resolve({}));
  const id = await under.submit();
  await under.queue.claim(["train"]);
  {
    using _ = refuseChanges(under.store, "UPDATE ON jobs");
    under.start();
    assertEquals((await under.queue.get(id)).state, "running");
  }
  assertEquals((await under.ended(id)).state, "succeeded");
});

Deno.test("stopping on a full disk leaves the running job to the next start", async () => {
  await using under = await open(async (_job, { draining, onEpoch }) => {
    onEpoch(progressAt(1));
    await fired(draining);
    throw new LoopscopeError("cancelled", "draining", "The service is stopping");
  });
  const id = await under.submit();
  const runner = under.start();
  while ((await under.queue.get(id)).state === "queued") await new Promise((resolve) => setTimeout(resolve, 2));
  {
    using _ = refuseChanges(under.store, "UPDATE ON jobs");
    await runner.drain(TEN_SECONDS);
  }
  assertEquals((await under.queue.get(id)).state, "running");
  assertEquals(await under.queue.restartRunning(), 1);
});

Deno.test("epochs for which there was no room are recorded with the next ones", async () => {
  const refused = Promise.withResolvers<void>(), room = Promise.withResolvers<void>();
  await using under = await open(async (_job, { onEpoch }) => {
    onEpoch(progressAt(1));
    refused.resolve();
    await room.promise;
    onEpoch(progressAt(2));
    return {};
  });
  under.start();
  const id = await under.submit();
  {
    using _ = refuseChanges(under.store, "INSERT ON job_events WHEN NEW.event = 'epoch'");
    await refused.promise;
    // Longer than epochs are gathered.
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  room.resolve();
  assertEquals((await under.ended(id)).history?.trainLoss, [1, 1 / 2]);
});

Deno.test("finished jobs are kept for their time, unfinished ones whatever their age", async () => {
  await using store = await temporaryStore();
  const clock = testClock();
  const queue = new StoredJobQueue(store.jobs, clock);
  const submit = async () => (await queue.submit(trainRequest(), { caller })).job.id;
  const [old, waiting] = [await submit(), await submit()];
  await queue.cancel(old);
  clock.passMs(20 * 60_000);
  const young = await submit();
  await queue.cancel(young);
  const runner = new JobRunner({
    ...{ queue, store: store.jobs, checkpoints: store.checkpoints, clock, log: createLog(() => {}) },
    execute: () => Promise.resolve({}),
    lanes: [],
    retention: { keepMs: 10 * 60_000, keepJobs: 100 },
  });
  runner.start();
  await runner.drain(0);
  const states = await Promise.all([old, waiting, young].map(async (id) => (await store.jobs.get(id))?.state));
  assertEquals(states, [undefined, "queued", "cancelled"]);
  assertEquals(await store.jobs.eventsAfter(old, 0), []);
  const events = queue.events(young, 99, new AbortController().signal);
  assertEquals((await events.next()).done, true);
});
