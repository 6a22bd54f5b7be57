import { SqliteIdempotencyStore } from "../../lib/store/embedded/sqlite_idempotency_store.ts";
import { assertEquals } from "../support/assert.ts";
import { temporaryStore, testClock } from "../support/temporary_store.ts";

Deno.test("the oldest answers go when their bytes are over the bound", async () => {
  await using store = await temporaryStore();
  const clock = testClock();
  const answers = new SqliteIdempotencyStore(store.db, clock, 800);
  for (let i = 0; i < 20; i++) {
    clock.passMs(1);
    await answers.begin("key:a", String(i));
    await answers.finish("key:a", String(i), "f", { status: 200, headers: {}, body: new Uint8Array(200) });
  }
  const kept: number[] = [];
  for (let i = 0; i < 20; i++) if ((await answers.begin("key:a", String(i))).state === "done") kept.push(i);
  assertEquals(kept, [16, 17, 18, 19]);
});

Deno.test("a claim ends with the process that made it, an answer does not", async () => {
  await using store = await temporaryStore();
  const before = new SqliteIdempotencyStore(store.db, testClock());
  await before.begin("key:a", "cut off");
  await before.begin("key:a", "answered");
  await before.finish("key:a", "answered", "f", { status: 200, headers: {}, body: new Uint8Array(1) });
  const after = new SqliteIdempotencyStore(store.db, testClock());
  assertEquals((await after.begin("key:a", "cut off")).state, "new");
  assertEquals((await after.begin("key:a", "answered")).state, "done");
});
