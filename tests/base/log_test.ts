import { createLog, gatherLines } from "../../lib/base/log.ts";
import { assertEquals } from "../support/assert.ts";

Deno.test("a log line is one JSON object with time, level, event and fields", () => {
  const lines: string[] = [];
  createLog((line) => lines.push(line), { nowMs: () => 0 }).warn("met", { count: 2, text: "a\nb" });
  assertEquals(lines, ['{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"met","count":2,"text":"a\\nb"}']);
});

Deno.test("lines of one round are written together and in order, at the latest when flushed", async () => {
  const writes: string[] = [];
  const lines = gatherLines((text) => writes.push(text));
  lines.add("a");
  lines.add("b");
  assertEquals(writes, []);
  await new Promise((resolve) => setTimeout(resolve, 5));
  lines.add("c");
  lines.flush();
  lines.flush();
  assertEquals(writes, ["a\nb", "c"]);
});
