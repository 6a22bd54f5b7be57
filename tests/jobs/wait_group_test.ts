import { WaitGroup } from "../../lib/jobs/processes/wait_group.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("who gives way goes on when nobody is inside any more", async () => {
  const crowd = new WaitGroup();
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const inside = [1, 2].map((n) => crowd.with(() => promise).then(() => order.push(`left ${n}`)));
  const waiting = crowd.quiet(60_000).then(() => order.push("went on"));
  await new Promise((done) => setTimeout(done, 10));
  assertEquals(order, []);
  resolve();
  await Promise.all([...inside, waiting]);
  assertEquals(order, ["left 1", "left 2", "went on"]);
});

Deno.test("who gives way does not wait for ever, nor for nobody", async () => {
  const crowd = new WaitGroup();
  await crowd.quiet(60_000);
  const { promise, resolve } = Promise.withResolvers<void>();
  const stuck = crowd.with(() => promise);
  await crowd.quiet(5);
  resolve();
  await stuck;
  await assert.rejects(() => crowd.with(() => Promise.reject(new Error("inside"))));
  await crowd.quiet(60_000);
});
