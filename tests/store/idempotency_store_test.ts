import { SqliteIdempotencyStore } from "../../lib/store/idempotency_store.ts";
import { assertEquals } from "../support/assert.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

Deno.test("the oldest answers go when their bytes are over the bound", async () => {
  await using store = await temporaryStore();
  const clock = testClock();
  const answers = new SqliteIdempotencyStore(store.db, clock, 800);
  for (let i = 0; i < 20; i++) {
    clock.passMs(1);
    answers.begin("key:a", String(i));
    answers.finish("key:a", String(i), "f", { status: 200, headers: {}, body: new Uint8Array(200) });
  }
  const kept = Array.from({ length: 20 }, (_, i) => answers.begin("key:a", String(i)).state === "done" ? i : -1);
  assertEquals(kept.filter((i) => i >= 0), [16, 17, 18, 19]);
});

Deno.test("a claim ends with the process that made it, an answer does not", async () => {
  await using store = await temporaryStore();
  const before = new SqliteIdempotencyStore(store.db, testClock());
  before.begin("key:a", "cut off");
  before.begin("key:a", "answered");
  before.finish("key:a", "answered", "f", { status: 200, headers: {}, body: new Uint8Array(1) });
  const after = new SqliteIdempotencyStore(store.db, testClock());
  assertEquals(after.begin("key:a", "cut off").state, "new");
  assertEquals(after.begin("key:a", "answered").state, "done");
});
