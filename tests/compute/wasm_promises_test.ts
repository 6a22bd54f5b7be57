import { createRandom } from "../../lib/base/random.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { ThreadPool } from "../../lib/compute/wasm/thread_pool.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { WasmSession } from "../../lib/compute/wasm/wasm_session.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { sizeOf } from "../../lib/base/nd_array.ts";
import type { Network } from "../../models/network.ts";
import { assert, assertCloseToLargest, assertEquals, assertFailsWith } from "../support/assert.ts";

const NETWORKS = [
  buildNetwork({ direction: "im2spec", window: 10, points: 21, latent: 2, filters: 12 }),
  buildNetwork({ direction: "spec2im", window: 12, points: 21, latent: 3, filters: 16 }),
];
const SAMPLES = 40;

function normals(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

function pairs(network: Network) {
  return [network.inputShape, network.outputShape].map((shape, i) => normals(SAMPLES * sizeOf(shape), i + 1));
}

/** Mini-batches of 32, the last one short. */
function batches(steps: number): Int32Array[] {
  return Array.from(
    { length: steps },
    (_, step) => Int32Array.from({ length: step % 5 === 4 ? 7 : 32 }, (_, i) => (i * 3 + step) % SAMPLES),
  );
}

async function trained(network: Network, threads: number) {
  const engine = await openWasmEngine({ threads });
  const session = await engine.open(network, initialState(network, 3), { trainBatch: 32 });
  const [input, target] = pairs(network);
  await session.setTrainingSet(input, target);
  const losses = await session.trainSteps(batches(12));
  const { network: state } = await session.state();
  await engine.close();
  return { losses, state };
}

for (const network of NETWORKS) {
  const { direction } = network.options;
  Deno.test(`wasm: ${direction} trains to the same bits with 1, 2 and 3 threads, and again`, async () => {
    const first = await trained(network, 1);
    assert.ok(first.losses.every(Number.isFinite) && first.losses[10] < first.losses[0]);
    for (const threads of [1, 2, 3]) assertEquals(await trained(network, threads), first, `${threads} threads`);
  });
}

Deno.test("wasm: memory stays what it was over 1000 training steps, and is given back at the end", async () => {
  const kernels = new URL("../../lib/compute/wasm/build/relaxed.wasm", import.meta.url);
  const pool = await ThreadPool.open(await WebAssembly.compile(await Deno.readFile(kernels)), 2);
  const network = buildNetwork({ direction: "im2spec", window: 4, points: 8, latent: 2, filters: 4 });
  const [input, target] = pairs(network);
  let before = 0;
  for (let round = 0; round < 3; round++) {
    const options = { trainBatch: 32, learningRate: 1e-3 };
    const session = new WasmSession(pool, network, initialState(network, 1), options);
    await session.setTrainingSet(input, target);
    await session.trainSteps(batches(10));
    const [used, size] = [pool.heap.usedBytes, pool.heap.memory.buffer.byteLength];
    for (let k = 0; k < (round === 0 ? 100 : 5); k++) await session.trainSteps(batches(10));
    assertEquals([pool.heap.usedBytes, pool.heap.memory.buffer.byteLength], [used, size]);
    await session.close();
    if (round === 0) before = pool.heap.usedBytes;
    assertEquals([pool.heap.usedBytes, pool.heap.memory.buffer.byteLength], [before, size], `after session ${round}`);
  }
  pool.close();
});

Deno.test("wasm: a map's memory is that of its pieces, whatever its size", async () => {
  const kernels = new URL("../../lib/compute/wasm/build/relaxed.wasm", import.meta.url);
  const pool = await ThreadPool.open(await WebAssembly.compile(await Deno.readFile(kernels)), 2);
  const network = buildNetwork({ direction: "im2spec", window: 16, points: 8, latent: 2, filters: 64 });
  const session = new WasmSession(pool, network, initialState(network, 1), { trainBatch: 0, learningRate: 1e-3 });
  // Whole pieces are 16 x 64 positions, so both maps are made of the same ones.
  const sizes = [];
  for (const [rows, cols] of [[31, 79], [63, 143]]) {
    await session.predictImage(normals(rows * cols, 1), rows, cols, "latent");
    sizes.push(pool.heap.memory.buffer.byteLength);
  }
  assertEquals(sizes[1], sizes[0]);
  assert.ok(sizes[0] < 2 ** 28, `met ${sizes[0]} bytes; expected less than 256 MiB`);
  await session.close();
  pool.close();
});

Deno.test("wasm: a map larger than a piece is its patches, also across pieces' borders", async () => {
  const network = buildNetwork({ direction: "im2spec", window: 8, points: 5, latent: 3, filters: 8 });
  const engine = await openWasmEngine();
  const session = await engine.open(network, initialState(network, 4));
  const [rows, cols] = [26, 75];
  const image_HW = normals(rows * cols, 9);
  const met = await session.predictImage(image_HW, rows, cols);
  const patches: number[] = [];
  for (let i = 0; i < met.rows; i++) {
    for (let j = 0; j < met.cols; j++) {
      for (let r = 0; r < 8; r++) patches.push(...image_HW.subarray((i + r) * cols + j, (i + r) * cols + j + 8));
    }
  }
  const wanted = await session.predict(Float32Array.from(patches));
  assertCloseToLargest(met.latent_HWL, wanted.latent_NL, 1e-5, "latent");
  assertCloseToLargest(met.output_HWS, wanted.output_NO, 1e-5, "output");
  await engine.close();
});

Deno.test("wasm: a process ends by itself once its engine is closed", async () => {
  const engine = new URL("../../lib/compute/wasm/wasm_engine.ts", import.meta.url).href;
  const script = `
    const { openWasmEngine } = await import(${JSON.stringify(engine)});
    const engine = await openWasmEngine({ threads: 2 });
    console.log(engine.device);
    await engine.close();`;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["eval", "-q", script],
    cwd: new URL("../../", import.meta.url),
    signal: AbortSignal.timeout(30_000),
  });
  const { success, stdout } = await command.output();
  assert.ok(success, "the process did not end within 30 s");
  assert.match(new TextDecoder().decode(stdout), /^2 threads, (relaxed|plain) SIMD\n$/);
});

Deno.test("wasm: a network that cannot fit into memory is refused with the numbers, and leaves nothing behind", async () => {
  const engine = await openWasmEngine({ threads: 1 });
  const network = buildNetwork({ direction: "im2spec", window: 64, points: 64, latent: 2, filters: 64 });
  const open = () => engine.open(network, initialState(network, 1), { trainBatch: 4096 });
  const error = await assertFailsWith("out_of_memory", open);
  assert.match(error.message, /MiB; expected at most 4096/);
  const small = await engine.open(NETWORKS[0], initialState(NETWORKS[0], 1));
  assertEquals((await small.predict(normals(100, 1))).output_NO.length, 21);
  await engine.close();
});
