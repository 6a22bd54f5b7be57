import type { EngineName } from "../compute/engine.ts";
import { GPU_FAILED_CODE } from "../jobs/processes/gpu_failed_code.ts";
import { WorkerPool } from "../jobs/processes/worker_pool.ts";

/**
 * What the compute process has at a time; the rest waits in turn by caller. Longer queues only make everybody wait: these
 * are answered within 0.1 s where a training takes most of the machine.
 */
const CALLS_AT_ONCE = 64;
const WAITING_CALLS = 32;

export interface ComputePoolOptions {
  engine: EngineName | "auto";
  threads: number;
  /** Files that it may read and write, as Deno's flags. */
  permissions: readonly string[];
  onLost(reason: string): void;
  /** The GPU failed: from now on processes start with this engine. */
  onEngineReplaced(engine: EngineName): void;
  /** Default: the compute process. */
  entry?: URL;
}

/** The one compute process, replaced when it ends; one whose GPU has failed by one on the CPU. */
export function createComputePool(options: ComputePoolOptions): WorkerPool {
  const { threads, permissions, onLost, onEngineReplaced } = options;
  const { entry = new URL("../jobs/compute_worker.ts", import.meta.url) } = options;
  const native = options.engine === "tensorflow" ? ["--allow-ffi", "--allow-env"] : ["--ignore-env"];
  let { engine } = options;
  return new WorkerPool({
    worker: () => ({
      entry,
      permissions: [...permissions, "--allow-sys", ...native],
      args: [JSON.stringify({ engine, threads })],
      heartbeat: true,
    }),
    ...{ size: 1, callsPerWorker: CALLS_AT_ONCE, maxWaiting: WAITING_CALLS },
    onLost(reason, code) {
      onLost(reason);
      if (code !== GPU_FAILED_CODE) return;
      engine = "wasm";
      onEngineReplaced(engine);
    },
  });
}
