import type { JobQueue } from "../../lib/jobs/queue/job_queue.ts";
import { EVENT_PAGE, type StoredJobEvent } from "../../lib/store/ports/job_store.ts";
import { createRandom } from "../../lib/base/random.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { progressAt, trainRequest } from "./record_store_contract.ts";

export interface JobQueueUnderTest extends AsyncDisposable {
  queue: JobQueue;
  /** Another view of the same jobs, as another process has it. */
  other: JobQueue;
  /**
   * Real processes on the same jobs that begin together and take jobs until there are none: each ends what it takes as
   * succeeded with its own number as the model. Resolves to what each took, and what was cancelled under it.
   */
  runProcesses(count: number, begun: () => Promise<void>): Promise<{ claimed: string[]; cancelled: string[] }[]>;
}

async function collect(pages: AsyncGenerator<StoredJobEvent[]>): Promise<string[]> {
  const names: string[] = [];
  for await (const { sequence, event, json } of eventsOf(pages)) {
    const { epoch, state } = JSON.parse(json);
    names.push(`${sequence} ${event} ${event === "epoch" ? epoch : state}`);
  }
  return names;
}

async function* eventsOf(pages: AsyncGenerator<StoredJobEvent[]>): AsyncGenerator<StoredJobEvent> {
  for await (const page of pages) yield* page;
}

/** What every queue does. */
export function jobQueueContract(
  name: string,
  open: () => Promise<JobQueueUnderTest>,
  { delayed = false }: { delayed?: boolean } = {},
): void {
  const test = (what: string, run: (under: JobQueueUnderTest) => Promise<void> | void) =>
    Deno.test(`${name}: ${what}`, async () => {
      await using under = await open();
      await run(under);
    });
  const caller = "key:a";

  test("a job goes from queued over running to succeeded", async ({ queue }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    assertEquals(job.state, "queued");
    const claimed = await queue.claim(["train"]);
    assertEquals([claimed?.id, claimed?.state, claimed?.startedAt !== undefined], [job.id, "running", true]);
    assertEquals(await queue.claim(["train"]), undefined);
    assert.ok(await queue.recordEpochs(job.id, [progressAt(1), progressAt(2)]));
    const ended = await queue.apply(job.id, { type: "succeed" }, { model: "film", version: 3 });
    assertEquals([ended?.state, ended?.result, ended?.finishedAt !== undefined], [
      "succeeded",
      { model: "film", version: 3 },
      true,
    ]);
    assertEquals((await queue.get(job.id)).history?.trainLoss, [1, 0.5]);
  });

  test("cancelling is final: late epochs and results are not taken", async ({ queue }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    await queue.claim(["train"]);
    assertEquals((await queue.cancel(job.id)).job.state, "cancelled");
    assertEquals((await queue.cancel(job.id)).job.state, "cancelled");
    assertEquals(await queue.recordEpochs(job.id, [progressAt(1)]), false);
    assertEquals(await queue.apply(job.id, { type: "succeed" }, { model: "film", version: 1 }), undefined);
    assertEquals([(await queue.get(job.id)).state, (await queue.get(job.id)).result], ["cancelled", undefined]);
    await assertFailsWith("job_missing", () => queue.cancel("job_0"));
  });

  test("a finished job cannot be cancelled", async ({ queue }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    await queue.claim(["train"]);
    await queue.apply(job.id, { type: "fail", code: "loss_is_nan", detail: "The loss is NaN at epoch 3" });
    const error = await assertFailsWith("job_finished", () => queue.cancel(job.id));
    assert.match(error.message, /failed already/);
    assertEquals((await queue.get(job.id)).error, { code: "loss_is_nan", detail: "The loss is NaN at epoch 3" });
  });

  test("what was running at a start waits again and is first in line", async ({ queue, other }) => {
    const [first, second] = [
      await queue.submit(trainRequest(), { caller }),
      await queue.submit(trainRequest(), { caller }),
    ];
    await queue.claim(["train"]);
    assertEquals(await other.restartRunning(), 1);
    assertEquals((await other.get(first.job.id)).attempts, 0);
    assertEquals((await other.claim(["train"]))?.id, first.job.id);
    assertEquals((await other.claim(["train"]))?.id, second.job.id);
  });

  test("two processes never run the same job", async ({ queue, other }) => {
    const submitted = Array.from({ length: 20 }, async () => (await queue.submit(trainRequest(), { caller })).job.id);
    const ids = await Promise.all(submitted);
    const claims = ids.map(async (_, i) => (await (i % 2 ? queue : other).claim(["train"]))?.id);
    const claimed = await Promise.all(claims);
    assertEquals(new Set(claimed), new Set(ids));
    assertEquals([await queue.claim(["train"]), await other.claim(["train"])], [undefined, undefined]);
  });

  test("processes that take jobs at once share them out: each job to one, none lost", async (under) => {
    const { queue } = under;
    const priorityOf = (i: number) => i * 7 % 10;
    const ids: string[] = [];
    for (let i = 0; i < 120; i++) {
      ids.push((await queue.submit(trainRequest({ priority: priorityOf(i) }), { caller: `key:${i % 5}` })).job.id);
    }
    const random = createRandom(3);
    const cancelled = new Set<string>();
    const shares = await under.runProcesses(4, async () => {
      for (let i = 0; i < 40; i++) {
        const id = ids[Math.floor(random.uniform() * ids.length)];
        try {
          if ((await queue.cancel(id)).job.state === "cancelled") cancelled.add(id);
        } catch (error) {
          assertEquals((error as { code?: string }).code, "job_finished");
        }
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    const claimed = shares.flatMap((share) => share.claimed);
    assertEquals(claimed.length, new Set(claimed).size, "no job was taken twice");
    assert.ok(shares.filter((share) => share.claimed.length > 0).length > 1, "more than one process took some");
    for (const id of ids) {
      const { state, result } = await queue.get(id, { bare: true });
      const by = shares.findIndex((share) => share.claimed.includes(id));
      assertEquals(state, cancelled.has(id) ? "cancelled" : "succeeded");
      if (state === "succeeded") assertEquals(result?.model, String(by));
      assertEquals(by < 0 && !cancelled.has(id), false, `${id} was taken or cancelled`);
    }
    for (const share of shares) assert.ok(share.cancelled.every((id) => cancelled.has(id)));
    for (const { claimed } of shares) {
      const priorities = claimed.map((id) => priorityOf(ids.indexOf(id)));
      assertEquals(priorities, priorities.toSorted((a, b) => b - a), "higher priorities first");
    }
  });

  test("events come live until done, and resume after any of them", async ({ queue }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    const live = collect(queue.events(job.id, 0, new AbortController().signal));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await queue.claim(["train"]);
    await queue.recordEpochs(job.id, [progressAt(1)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await queue.recordEpochs(job.id, [progressAt(2)]);
    await queue.apply(job.id, { type: "succeed" }, {});
    const all = [
      "1 state queued",
      "2 state running",
      "3 epoch 1",
      "4 epoch 2",
      "5 state succeeded",
      "6 done succeeded",
    ];
    assertEquals(await live, all);
    for (let after = 0; after <= 6; after++) {
      assertEquals(await collect(queue.events(job.id, after, new AbortController().signal)), all.slice(after));
    }
  });

  test("the events of a long job come some at a time, and others have their turn in between", async ({ queue }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    await queue.claim(["train"]);
    const epochs = 3 * EVENT_PAGE;
    for (let epoch = 0; epoch < epochs; epoch += 64) {
      await queue.recordEpochs(job.id, Array.from({ length: 64 }, (_, i) => progressAt(epoch + i + 1)));
    }
    await queue.apply(job.id, { type: "succeed" }, {});
    const read: number[] = [];
    const watch = async (watcher: number) => {
      const sequences: number[] = [];
      for await (const page of queue.events(job.id, 0, new AbortController().signal)) {
        assert.ok(page.length <= EVENT_PAGE, `a page has ${page.length} events`);
        read.push(watcher);
        sequences.push(...page.map(({ sequence }) => sequence));
      }
      assertEquals(sequences, Array.from({ length: epochs + 4 }, (_, i) => i + 1));
    };
    await Promise.all([watch(1), watch(2)]);
    // Exactly in turn where the store answers at once; behind a network at least neither waits for the other's end.
    if (!delayed) assertEquals(read, [1, 2, 1, 2, 1, 2, 1, 2]);
    assert.ok(read.indexOf(2) < read.lastIndexOf(1) && read.indexOf(1) < read.lastIndexOf(2), String(read));
    const { trainLoss } = (await queue.get(job.id)).history!;
    assertEquals([trainLoss.length, trainLoss.at(-1)], [epochs, 1 / epochs]);
  });

  test("the history grows with the job, and epochs trained again count once", async ({ queue, other }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    await queue.claim(["train"]);
    const lossesOf = () =>
      Promise.all([queue, other].map(async (reader) => (await reader.get(job.id)).history!.trainLoss));
    await queue.recordEpochs(job.id, [progressAt(1), progressAt(2)]);
    assertEquals(await lossesOf(), [[1, 1 / 2], [1, 1 / 2]]);
    await other.recordEpochs(job.id, [{ ...progressAt(2), trainLoss: 7 }, progressAt(3)]);
    assertEquals(await lossesOf(), [[1, 7, 1 / 3], [1, 7, 1 / 3]]);
  });

  test("a listener who goes is let go, and events of no job are an error", async ({ queue }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    const gone = new AbortController();
    const pages = queue.events(job.id, 0, gone.signal);
    const { value: [first] } = await pages.next() as IteratorYieldResult<StoredJobEvent[]>;
    assertEquals([first.sequence, first.event, JSON.parse(first.json).state], [1, "state", "queued"]);
    setTimeout(() => gone.abort(), 5);
    assertEquals(await pages.next(), { done: true, value: undefined });
    await assertFailsWith("job_missing", () => collect(queue.events("job_0", 0, gone.signal)));
  });

  test("waiting ends with the job, the time or the caller", async ({ queue }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    assertEquals((await queue.waitFor(job.id, 0)).state, "queued");
    assertEquals((await queue.waitFor(job.id, 5)).state, "queued");
    assertEquals((await queue.waitFor(job.id, 60_000, AbortSignal.abort())).state, "queued");
    const waited = queue.waitFor(job.id, 60_000);
    await queue.cancel(job.id);
    assertEquals((await waited).state, "cancelled");
  });

  test("news from another process arrives without being told", async ({ queue, other }) => {
    const { job } = await queue.submit(trainRequest(), { caller });
    const waited = queue.waitFor(job.id, 60_000);
    await other.cancel(job.id);
    assertEquals((await waited).state, "cancelled");
  });

  test("a job with the same key is the one that is there", async ({ queue }) => {
    const submit = () => queue.submit(trainRequest(), { caller, dedupeKey: "k" });
    const first = await submit(), second = await submit();
    assertEquals([second.created, second.job.id], [false, first.job.id]);
  });
}
