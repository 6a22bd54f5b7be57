import { formatBeat, parseBeat } from "../../lib/jobs/processes/heartbeat.ts";
import { HEARTBEAT_LIMITS, HeartbeatMonitor } from "../../lib/jobs/processes/heartbeat_monitor.ts";
import { assert, assertEquals } from "../support/assert.ts";

Deno.test("a heartbeat is told from what a process says", () => {
  assertEquals(parseBeat(formatBeat(1234.4).trimEnd()), 1234);
  assertEquals(parseBeat("beat 12"), undefined);
});

Deno.test("silence after the first heartbeat is suspected, then reported once", async () => {
  const reasons: string[] = [];
  const limits = { ...HEARTBEAT_LIMITS, suspectMs: 300, frozenMs: 900 };
  const monitor = new HeartbeatMonitor((reason) => reasons.push(reason), limits);
  assert(!monitor.suspected, "nothing is expected before the first");
  monitor.beat(0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert(monitor.suspected);
  monitor.beat(0);
  assert(!monitor.suspected);
  await new Promise((resolve) => setTimeout(resolve, 2300));
  assertEquals(reasons.length, 1);
  assert.match(reasons[0], /no heartbeat for \d s/);
  monitor.close();
});

Deno.test("a main thread that is silent for too long counts as frozen, though the process beats", () => {
  const reasons: string[] = [];
  const monitor = new HeartbeatMonitor((reason) => reasons.push(reason));
  monitor.beat(20_000);
  assertEquals(reasons, [], "a long step");
  monitor.beat(HEARTBEAT_LIMITS.mainSilentMs + 1);
  assertEquals(reasons, ["its main thread has been silent for 300 s"]);
  monitor.close();
});
