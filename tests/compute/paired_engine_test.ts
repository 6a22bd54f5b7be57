import { LoopscopeError } from "../../lib/base/errors.ts";
import type { Engine, Session, SessionOptions } from "../../lib/compute/engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { crossover, measureCrossover } from "../../lib/compute/measure_crossover.ts";
import { forwardOperations } from "../../lib/compute/operations.ts";
import { PairedEngine } from "../../lib/compute/paired_engine.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { openWebgpuEngine } from "../../lib/compute/webgpu/webgpu_engine.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { Network, ParameterSpec } from "../../models/network.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { whyNoWebgpu } from "./webgpu_usable.ts";

const network = buildNetwork({ direction: "im2spec", window: 4, points: 6, latent: 2, filters: 2 });
const state = initialState(network, 1);
const CROSSOVER = 3;

/** The reference engine, with a note of every call that it answers. */
function noted(name: Engine["name"], calls: string[], fail: () => Error | undefined = () => undefined): Engine {
  const engine = openReferenceEngine();
  return {
    ...{ name, device: name, threads: 1, close: () => engine.close() },
    async open(network: Network, state, options: Partial<SessionOptions> = {}) {
      calls.push(`${name} open`);
      const session = await engine.open(network, state, options);
      const note =
        <Args extends unknown[], T>(method: string, run: (...args: Args) => Promise<T>) => (...args: Args) => {
          calls.push(`${name} ${method}`);
          const error = fail();
          return error ? Promise.reject(error) : run.apply(session, args);
        };
      return Object.assign(Object.create(session) as Session, {
        predict: note("predict", session.predict),
        encode: note("encode", session.encode),
        decode: note("decode", session.decode),
        predictImage: note("image", session.predictImage),
        close: note("close", session.close),
      });
    },
  };
}

function paired(fail?: () => Error | undefined) {
  const calls: string[] = [], lines: string[] = [];
  const smallCalls = {
    engine: noted("wasm", calls),
    roundTripMs: 1,
    crossoverSamples: () => CROSSOVER,
  };
  const engine = new PairedEngine(noted("webgpu", calls, fail), smallCalls, (line) => void lines.push(line));
  return { calls, lines, engine };
}

Deno.test("small calls go to the CPU, larger ones to the GPU, which has the network only then", async () => {
  const { calls, engine } = paired();
  const session = await engine.open(network, state);
  const reference = await openReferenceEngine().open(network, state);
  const samples = (count: number) => Float32Array.from({ length: 16 * count }, (_, i) => Math.sin(i));
  for (const count of [1, 2, 3, 9]) {
    const { output_NO } = await session.predict(samples(count));
    assertEquals(output_NO, (await reference.predict(samples(count))).output_NO);
  }
  assertEquals((await session.encode(samples(1))).length, 2);
  assertEquals((await session.decode(new Float32Array(2 * 4))).length, 6 * 4);
  assertEquals((await session.predictImage(samples(1), 4, 4)).output_HWS.length, 6);
  assertEquals((await session.predictImage(samples(2), 8, 4, "latent")).latent_HWL.length, 2 * 5);
  await session.close();
  assertEquals(calls, [
    ...["wasm open", "wasm predict", "wasm predict", "webgpu open", "webgpu predict", "webgpu predict"],
    ...["wasm encode", "webgpu decode", "wasm image", "webgpu image", "wasm close", "webgpu close"],
  ]);
});

Deno.test("training is the GPU's alone", async () => {
  const { calls, engine } = paired();
  await (await engine.open(network, state, { trainBatch: 4 })).close();
  assertEquals(calls, ["webgpu open", "webgpu close"]);
});

Deno.test("what the GPU has no memory for the CPU predicts, and says so; any other failure is one", async () => {
  let error = new LoopscopeError("unavailable", "gpu_memory", "GPU has no room for x");
  const { calls, lines, engine } = paired(() => error);
  const session = await engine.open(network, state);
  const { output_NO } = await session.predict(new Float32Array(16 * 5));
  assertEquals([output_NO.length, calls.slice(-2)], [30, ["webgpu predict", "wasm predict"]]);
  assertEquals(lines, ["The CPU predicts what the GPU has no memory for: GPU has no room for x"]);
  error = new LoopscopeError("unavailable", "gpu_lost", "The GPU was lost");
  await assertFailsWith("gpu_lost", () => session.predict(new Float32Array(16 * 5)));
});

Deno.test("the crossover is where the time saved pays for the round trip", () => {
  const operations = forwardOperations(network);
  assertEquals(crossover(9.9, 0.5 / operations)(network), 20);
  assertEquals(crossover(10, 0)(network), Infinity);
  assertEquals(crossover(10, -1)(network), Infinity);
  assertEquals(crossover(0.001, 1)(network), 1, "a large network goes to the GPU at once");
  const parts = forwardOperations(network, "encode") + forwardOperations(network, "decode");
  assertEquals(parts, operations);
  const at = crossover(10, 0.5 / operations);
  assert.ok(at(network, "encode") > 20 && at(network, "decode") > 20, "half of the work needs more samples");
});

Deno.test("each weight counts twice for every pixel or step that it makes", () => {
  const pixelsOf = ({ shape }: ParameterSpec) => shape.length === 4 ? 4 * 4 : shape.length === 3 ? 6 : 1;
  const expected = network.parameters.filter(({ kind }) => kind === "weight")
    .reduce((sum, spec) => sum + 2 * pixelsOf(spec) * spec.shape.reduce((a, b) => a * b, 1), 0);
  assertEquals(forwardOperations(network), expected);
});

const skip = await whyNoWebgpu();
Deno.test({
  name: `a real GPU beside a real CPU: measured, and equal to the reference${skip ? ` (skipped: ${skip})` : ""}`,
  ignore: skip !== undefined,
  async fn() {
    const gpu = await openWebgpuEngine();
    const smallCalls = await measureCrossover(gpu, await openWasmEngine({ threads: 1 }));
    assert.ok(smallCalls.roundTripMs > 0 && smallCalls.crossoverSamples(network) >= 1);
    const engine = new PairedEngine(gpu, { ...smallCalls, crossoverSamples: () => CROSSOVER }, () => {});
    const session = await engine.open(network, state);
    const reference = await openReferenceEngine().open(network, state);
    for (const count of [1, CROSSOVER]) {
      const input = Float32Array.from({ length: 16 * count }, (_, i) => Math.cos(i));
      const [got, expected] = [await session.predict(input), await reference.predict(input)];
      assertClose(got.output_NO, expected.output_NO, 1e-5);
    }
    await engine.close();
  },
});
