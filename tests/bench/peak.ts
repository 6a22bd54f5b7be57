import { Arena } from "../../lib/compute/wasm/shared_heap.ts";
import { writeProgram } from "../../lib/compute/wasm/program.ts";
import { ThreadPool } from "../../lib/compute/wasm/thread_pool.ts";

const ROUNDS = 2e6;
/** Ten chains of four multiply-adds. */
const OPERATIONS_A_ROUND = 10 * 4 * 2;

/** Floating-point operations a second that this machine's cores reach together from registers alone: the best of a few. */
export async function measurePeak(threads: number): Promise<number> {
  const kernels = new URL("../../lib/compute/wasm/build/relaxed.wasm", import.meta.url);
  const pool = await ThreadPool.open(await WebAssembly.compile(await Deno.readFile(kernels)), threads);
  const arena = new Arena(pool.heap);
  const result = arena.floats(8);
  const program = writeProgram(arena, [[{ op: "peak", jobs: 4 * threads, args: [ROUNDS, result] }]]).address;
  pool.reserveScratch(4096);
  let best = 0;
  for (let i = 0; i < 8; i++) {
    const start = performance.now();
    pool.run(program);
    best = Math.max(best, 4 * threads * ROUNDS * OPERATIONS_A_ROUND / (performance.now() - start) * 1000);
  }
  pool.close();
  return best;
}
