import { describeEngines, engineCandidates, openEngine } from "../../lib/compute/choose_engine.ts";
import type { Candidate } from "../../lib/compute/choose_engine.ts";
import type { Engine } from "../../lib/compute/engine.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { probeWebgpu } from "../../lib/compute/webgpu/webgpu_engine.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

/** An engine that is there or not as the case says; what opens is the real reference engine under its name. */
function candidate(name: Engine["name"], look: { available: boolean; reason?: string }, fails?: string): Candidate {
  return {
    name,
    look: () => Promise.resolve(look),
    open: () => fails ? Promise.reject(new Error(fails)) : Promise.resolve({ ...openReferenceEngine(), name }),
  };
}

function options() {
  const lines: string[] = [];
  return { threads: 1, log: (line: string) => void lines.push(line), lines };
}

const HERE = { available: true };

Deno.test("auto takes the first engine that is there without reservation", async () => {
  const wasm = candidate("wasm", HERE);
  const gpu = candidate("webgpu", HERE);
  const onCpu = candidate("webgpu", { available: true, reason: "renders on the CPU" });
  const none = candidate("webgpu", { available: false, reason: "no adapter" });
  const chosen = async (first: Candidate) => (await openEngine("auto", options(), [first, wasm])).name;
  assertEquals([await chosen(gpu), await chosen(onCpu), await chosen(none)], ["webgpu", "wasm", "wasm"]);
});

Deno.test("auto falls back where the GPU does not open, and says so", async () => {
  const settings = options();
  const broken = candidate("webgpu", HERE, "GPU has no room");
  assertEquals((await openEngine("auto", settings, [broken, candidate("wasm", HERE)])).name, "wasm");
  assertEquals(settings.lines, ["GPU has no room"]);
});

Deno.test("where nothing is there, auto fails with every reason", async () => {
  const none = [candidate("webgpu", { available: false, reason: "no adapter" }), candidate("wasm", HERE, "no memory")];
  const error = await assertFailsWith("engine_unavailable", () => openEngine("auto", options(), none));
  assert.match(error.message, /webgpu: no adapter; wasm: no memory/);
});

Deno.test("an engine asked for by name opens, also with reservations, or fails with the reason", async () => {
  const onCpu = candidate("webgpu", { available: true, reason: "renders on the CPU" });
  assertEquals((await openEngine("webgpu", options(), [onCpu])).name, "webgpu");
  const none = candidate("webgpu", { available: false, reason: "no adapter: install a driver" });
  const error = await assertFailsWith("engine_unavailable", () => openEngine("webgpu", options(), [none]));
  assert.match(error.message, /webgpu is not available: no adapter: install a driver/);
});

Deno.test("every engine is described; what is not there says why", async () => {
  const described = await describeEngines();
  assertEquals(described.map(({ name }) => name).sort(), ["reference", "tensorflow", "wasm", "webgpu"]);
  for (const { name, available, reason } of described) assert.ok(available || reason, name);
  const reference = described.find(({ name }) => name === "reference")!;
  assertEquals(reference.available, true);
});

Deno.test("a renderer on the CPU is described as slow and not taken by auto", async () => {
  const probe = await probeWebgpu();
  const [webgpu] = engineCandidates();
  const { available, reason } = await webgpu.look();
  assertEquals(available, probe.available);
  assertEquals(reason === undefined, probe.available && !probe.onCpu);
});

Deno.test("the native TensorFlow library, absent from the default install, is refused with its install line", async () => {
  const tensorflow = engineCandidates().find(({ name }) => name === "tensorflow")!;
  const { available } = await tensorflow.look();
  if (available) return;
  const error = await assertFailsWith("engine_unavailable", () => openEngine("tensorflow", options()));
  assert.match(error.message, /--allow-scripts=npm:@tensorflow\/tfjs-node-gpu/);
});
