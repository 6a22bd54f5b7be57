import { FairQueue } from "../../lib/jobs/processes/fair_queue.ts";
import { assertEquals } from "../support/assert.ts";

function filled(): FairQueue<string> {
  const queue = new FairQueue<string>();
  for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.push(item[0], item);
  return queue;
}

function drained(queue: FairQueue<string>): string[] {
  return Array.from({ length: queue.size }, () => queue.shift()!);
}

Deno.test("those who wait are served in turn by owner, each in order", () => {
  assertEquals(drained(filled()), ["a1", "b1", "c1", "a2", "c2", "a3"]);
  assertEquals(filled().size, 6);
  assertEquals(new FairQueue().shift(), undefined);
});

Deno.test("who comes later is not served after all of an earlier owner's items", () => {
  const queue = filled();
  queue.shift();
  queue.push("d", "d1");
  assertEquals(drained(queue), ["b1", "c1", "a2", "d1", "c2", "a3"]);
});

Deno.test("items are taken out by whose they are, the newest of the longest first", () => {
  const queue = filled();
  assertEquals(queue.longest(), ["a", 3]);
  assertEquals(queue.popLongest(), "a3");
  assertEquals([queue.remove("b", "b1"), queue.remove("b", "b1"), queue.remove("c", "c9")], [true, false, false]);
  assertEquals([queue.countOf("b"), queue.size], [0, 4]);
  assertEquals(drained(queue), ["a1", "c1", "a2", "c2"]);
  assertEquals([queue.popLongest(), queue.size], [undefined, 0]);
});
