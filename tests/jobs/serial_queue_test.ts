import { SerialQueue } from "../../lib/jobs/processes/serial_queue.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

Deno.test("work is done in order, never two at a time, and a failure is its own affair", async () => {
  const line = new SerialQueue();
  const done: number[] = [];
  let inside = 0;
  const work = (n: number) => async () => {
    assertEquals(++inside, 1);
    await new Promise((resolve) => setTimeout(resolve, 3 - n));
    inside--;
    if (n === 1) throw new Error("one");
    done.push(n);
    return n;
  };
  const all = await Promise.allSettled([0, 1, 2].map((n) => line.run(work(n))));
  assertEquals(all.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assertEquals(done, [0, 2]);
  await assert.rejects(line.run(work(1)), /one/);
});

Deno.test("work whose caller goes leaves the line before its turn", async () => {
  const line = new SerialQueue();
  const release = Promise.withResolvers<void>();
  const first = line.run(() => release.promise);
  const gone = new AbortController();
  const second = line.run(() => assert.fail("begun for one who has gone"), gone.signal);
  const third = line.run(() => Promise.resolve(3));
  gone.abort();
  await assertFailsWith("cancelled", () => second);
  release.resolve();
  await first;
  assertEquals(await third, 3);
});
