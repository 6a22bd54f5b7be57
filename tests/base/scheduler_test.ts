import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createScheduler } from "../../lib/base/scheduler.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("turns come in the order in which they were asked for, one piece of each work at a time", async () => {
  const yieldTurn = createScheduler();
  const seen: string[] = [];
  const work = async (name: string) => {
    for (let piece = 1; piece <= 3; piece++) {
      await yieldTurn();
      seen.push(`${name}${piece}`);
    }
  };
  await Promise.all([work("a"), work("b"), work("c")]);
  assertEquals(seen.join(" "), "a1 b1 c1 a2 b2 c2 a3 b3 c3");
});

Deno.test("a connection that arrives during long work is answered after a few pieces of it", async () => {
  const server = createServer((_request, answer) => void answer.end("ok"));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const yieldTurn = createScheduler();
  let answered = false;
  const request = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
    headers: { connection: "close" },
  }).then((answer) => answer.text()).then(() => answered = true);
  let pieces = 0;
  for (; !answered && pieces < 1000; pieces++) {
    for (const endMs = performance.now() + 2; performance.now() < endMs;);
    await yieldTurn();
  }
  assert.ok(pieces < 60, `${pieces} pieces`);
  await request;
  await new Promise((resolve) => server.close(resolve));
});
