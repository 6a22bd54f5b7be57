import { assert, assertFailsWith } from "../support/assert.ts";
import { testClock } from "../support/temporary_store.ts";
import { createRateLimit } from "../../routes/middleware/rate_limit.ts";

Deno.test("over a long time the steady rate is allowed, not more", () => {
  const clock = testClock();
  const limit = createRateLimit(clock);
  let passed = 0;
  for (let i = 0; i < 6000; i++) {
    clock.passMs(100); // ten minutes, ten requests a second
    try {
      limit.take("a", 60);
      passed++;
    } catch { /* counted by what passed */ }
  }
  assert.ok(Math.abs(passed - 630) <= 1, `met ${passed}; expected 600 and the first 30`);
});

Deno.test("a clock that goes back gives nothing away", async () => {
  const clock = testClock();
  const limit = createRateLimit(clock);
  limit.take("a", 2);
  clock.passMs(-1e9);
  await assertFailsWith("rate_limited", () => limit.take("a", 2));
});

Deno.test("memory is bounded: the longest unseen callers are dropped", () => {
  const limit = createRateLimit(testClock());
  limit.take("first", 2);
  for (let i = 0; i < 20_000; i++) limit.take(`caller ${i}`, 2);
  limit.take("first", 2); // would throw if its empty bucket were still known
});
