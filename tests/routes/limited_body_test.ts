import { limitBody, limitedChunks } from "../../routes/request/limited_body.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testApp } from "./support/test_app.ts";

const LIMITS = { maxBytes: 1000, idleTimeoutMs: 30, minBytesPerS: 1000 };

/** Chunks of these sizes, each after a wait; then silence, or the end. */
function sent(sizes: readonly number[], { everyMs = 0, ends = true } = {}) {
  let cancelled = false, at = 0;
  const source = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (at === sizes.length) return ends ? controller.close() : await new Promise(() => {});
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      if (!cancelled) controller.enqueue(new Uint8Array(sizes[at++]));
    },
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  return { source, wasCancelled: () => cancelled };
}

async function total(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

Deno.test("a body within its limits arrives whole, also when it is slow but steady", async () => {
  assertEquals(await total(limitedChunks(sent([500, 500]).source, LIMITS)), 1000);
  // Longer in all than the longest silence, which a busy machine's pauses stay far below.
  const steady = sent(Array(25).fill(40), { everyMs: 50 });
  assertEquals(await total(limitBody(steady.source, { ...LIMITS, idleTimeoutMs: 1000, minBytesPerS: 10 })), 1000);
});

Deno.test("a silent, a trickling, a too long and an empty body end with their reasons, and their source is let go", async () => {
  const cases: [string, ReturnType<typeof sent>][] = [
    ["body_too_slow", sent([10], { ends: false })],
    ["body_too_slow", sent(Array(1000).fill(1), { everyMs: 2 })],
    ["body_too_large", sent([999, 2])],
    ["empty_body", sent([])],
  ];
  for (const [code, { source, wasCancelled }] of cases) {
    const error = await assertFailsWith(code, () => total(limitedChunks(source, LIMITS)));
    assert.ok(code !== "body_too_slow" || /30 ms and at least 1000 bytes a second/.test(error.message), error.message);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(wasCancelled() || code === "empty_body", true, code);
  }
});

Deno.test("slow bodies of JSON, of a form and of a file are 408, and give back what they held", async () => {
  const settings = { bodyIdleTimeoutMs: 30, maxBufferedBytes: 2000 };
  const app = testApp({ settings });
  const types = [
    "application/json",
    "multipart/form-data; boundary=b",
    "application/octet-stream",
    "application/x-npy",
  ];
  const paths = ["/v1/jobs", "/v1/cubes", "/v1/cubes", "/predict?model=mean"];
  for (let round = 0; round < 3; round++) {
    for (const [i, type] of types.entries()) {
      const body = sent([900], { ends: false }).source;
      const problem = await app.problem(408, paths[i], { method: "POST", body, headers: { "Content-Type": type } });
      assertEquals(problem.code, "body_too_slow", type);
    }
  }
});
