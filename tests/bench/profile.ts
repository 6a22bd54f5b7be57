/**
 * Where the time of a training step (or of evaluation) goes, on one thread and on all:
 * `deno run -A tests/bench/profile.ts im2spec 8 [train|evaluate]`. Each stage of the program is run by itself; GFLOP/s
 * count the products that the kernels really do, and the share is of one core's peak.
 */
import { sizeOf } from "../../lib/base/nd_array.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { allocateInference, decoding, encoding, preparation } from "../../lib/compute/wasm/inference_program.ts";
import { convolveScratch } from "../../lib/compute/wasm/conv_commands.ts";
import type { Command } from "../../lib/compute/wasm/kernel_ops.ts";
import { writeProgram } from "../../lib/compute/wasm/program.ts";
import { Arena } from "../../lib/compute/wasm/shared_heap.ts";
import { ThreadPool } from "../../lib/compute/wasm/thread_pool.ts";
import { allocateTraining } from "../../lib/compute/wasm/training_buffers.ts";
import { trainingProgram } from "../../lib/compute/wasm/training_program.ts";
import { WasmModel } from "../../lib/compute/wasm/wasm_model.ts";
import type { Direction } from "../../models/network.ts";
import { benchNetwork, MINI_BATCH } from "./compute_family.ts";
import { measurePeak } from "./peak.ts";

const REPEATS = 25;

function programOf(model: WasmModel, arena: Arena, work: string): Command[][] {
  if (work === "train") {
    const buffers = allocateTraining(model, arena, MINI_BATCH);
    const values = arena.heap.floats(buffers.input, MINI_BATCH * sizeOf(model.network.inputShape));
    values.forEach((_, i) => values[i] = Math.sin(0.7 * i * i));
    return trainingProgram(model, buffers, { samples: MINI_BATCH, update: true });
  }
  const buffers = allocateInference(model, arena, MINI_BATCH);
  return [...encoding(model, buffers, MINI_BATCH), ...decoding(model, buffers, MINI_BATCH)];
}

/** The best of a few runs: other programs on the machine only ever add to a time. */
function bestMs(pool: ThreadPool, program: number, alone: boolean): number {
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now();
    pool.run(program, { alone });
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Products and sums of the convolutions' matrix products: tiles x points x channels in x channels out. */
function operations({ op, args }: Command): number {
  if (op !== "convolve" && op !== "weightGradient") return 0;
  const points = (size: number) => size === 0 ? 1 : size === 5 ? 3 : size + 2;
  return 2 * args[0] * points(args[3]) * points(args[4]) * args[9] ** 2;
}

if (import.meta.main) {
  const [direction = "im2spec", window = "8", work = "train"] = Deno.args;
  const peak = await measurePeak(1);
  const kernels = await Deno.readFile(new URL("../../lib/compute/wasm/build/relaxed.wasm", import.meta.url));
  const pool = await ThreadPool.open(await WebAssembly.compile(kernels), navigator.hardwareConcurrency);
  const arena = new Arena(pool.heap);
  const network = benchNetwork(direction as Direction, Number(window));
  const model = new WasmModel(network, arena, work === "train");
  pool.reserveScratch(Math.max(convolveScratch(model.channels), 65536));
  model.parameters.pack(initialState(network, 1), pool.heap.floats(model.state, model.parameters.size));
  pool.run(writeProgram(arena, preparation(model)).address);
  const stages = programOf(model, arena, work);
  const whole = writeProgram(arena, stages).address;
  for (let i = 0; i < 3; i++) bestMs(pool, whole, true);
  const [one, all] = [bestMs(pool, whole, true), bestMs(pool, whole, false)];
  console.log(
    `${work} ${direction} ${window}: ${one.toFixed(2)} ms on one thread, ${all.toFixed(2)} on ${pool.threads}`,
  );
  console.log(`peak of one core ${(peak / 1e9).toFixed(1)} GFLOP/s\n    ms  GFLOP/s  of peak  stage`);
  for (const stage of stages.filter((commands) => commands.some(({ jobs }) => jobs > 0))) {
    const ms = bestMs(pool, writeProgram(arena, [stage]).address, true);
    const rate = stage.reduce((sum, command) => sum + operations(command), 0) / ms / 1e6;
    const cells = [ms.toFixed(3).padStart(6), rate.toFixed(1).padStart(8), (1e9 * rate / peak).toFixed(2).padStart(8)];
    console.log(`${cells.join(" ")}  ${[...new Set(stage.map(({ op }) => op))].join(", ")}`);
  }
  pool.close();
}
