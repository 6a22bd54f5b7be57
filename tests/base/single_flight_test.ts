import { SingleFlight } from "../../lib/base/single_flight.ts";
import { assertEquals, assertFailsWith } from "../support/assert.ts";

const never = new AbortController().signal;

Deno.test("the same work is done once for all who ask at the same time, and again later", async () => {
  const work = new SingleFlight<number>();
  let runs = 0;
  const begin = async () => {
    await Promise.resolve();
    return ++runs;
  };
  assertEquals(await Promise.all([1, 2, 3].map(() => work.join("a", never, begin))), [1, 1, 1]);
  assertEquals(await work.join("a", never, begin), 2);
  assertEquals(await work.join("b", never, begin), 3);
});

Deno.test("work goes on while somebody wants it and stops with the last who goes", async () => {
  const work = new SingleFlight<number>();
  const callers = [new AbortController(), new AbortController()];
  let stopped = false;
  const begin = (signal: AbortSignal) =>
    new Promise<number>((_, reject) =>
      signal.addEventListener("abort", () => {
        stopped = true;
        reject(new Error("stopped"));
      })
    );
  const waits = callers.map(({ signal }) => assertFailsWith("cancelled", () => work.join("a", signal, begin)));
  callers[0].abort();
  await waits[0];
  assertEquals(stopped, false);
  callers[1].abort();
  await waits[1];
  assertEquals(stopped, true);
});

Deno.test("a failure reaches everybody and is not remembered", async () => {
  const work = new SingleFlight<number>();
  const fail = () => Promise.reject(Object.assign(new Error("no"), { code: "no" }));
  await Promise.all([1, 2].map(() => assertFailsWith("no", () => work.join("a", never, fail))));
  assertEquals(await work.join("a", never, () => Promise.resolve(5)), 5);
});
