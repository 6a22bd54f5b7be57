import { createScheduler } from "../../lib/base/scheduler.ts";
import { readSmallBody } from "../../routes/request/read_small_body.ts";
import { assert, assertEquals } from "../support/assert.ts";

const options = { maxBytes: 1000, yieldTurn: createScheduler() };

/** Chunks of 100 bytes, made as they are asked for. */
function chunks(count: number) {
  const seen = { made: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (seen.made === count) controller.close();
      else controller.enqueue(new Uint8Array(100).fill(++seen.made % 256));
    },
    cancel: () => void (seen.cancelled = true),
  }, { highWaterMark: 0 });
  return { seen, body };
}

Deno.test("a small body is taken whole", async () => {
  const met = await readSmallBody(chunks(10).body, options);
  assertEquals(met, await new Response(chunks(10).body).bytes());
  assertEquals(await readSmallBody(null, options), new Uint8Array(0));
});

Deno.test("of a large body little more than that is read, and nothing of it is lost", async () => {
  const { seen, body } = chunks(300);
  const met = await readSmallBody(body, options);
  assert.ok(met instanceof ReadableStream);
  assertEquals(seen.made, 11);
  assertEquals(await new Response(met).bytes(), await new Response(chunks(300).body).bytes());
});

Deno.test("whoever does not want the rest of a large body ends it", async () => {
  const { seen, body } = chunks(Infinity);
  await (await readSmallBody(body, options) as ReadableStream).cancel();
  assert.ok(seen.cancelled);
});
