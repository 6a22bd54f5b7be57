import { createComputePool } from "../../lib/service/compute_pool.ts";
import { ServiceState } from "../../lib/service/system_service.ts";
import { whyNoWebgpu } from "../compute/webgpu_usable.ts";
import { assert, assertEquals } from "../support/assert.ts";

const skip = await whyNoWebgpu();
const root = new URL("../../", import.meta.url).pathname;

for (
  const [name, entry, expected] of [
    ["a GPU is described with the CPU beside it", undefined, "webgpu"],
    ["a GPU that is lost at its first work is replaced by the CPU", "../jobs/lost_gpu_worker.ts", "wasm"],
  ] as const
) {
  Deno.test({
    name: `${name}${skip ? ` (skipped: ${skip})` : ""}`,
    ignore: skip !== undefined,
    async fn() {
      const replaced: string[] = [];
      const pool = createComputePool({
        engine: "webgpu",
        threads: 1,
        permissions: [`--allow-read=${root}`, "--allow-env"],
        onLost: () => {},
        onEngineReplaced: (engine) => void replaced.push(engine),
        entry: entry && new URL(entry, import.meta.url),
      });
      try {
        const state = new ServiceState({ version: "0", compute: pool, limits: {} });
        assertEquals((await state.start()).name, expected);
        const { engine } = state.describe() as { engine: { smallCalls?: Record<string, unknown> } };
        assertEquals(replaced, expected === "wasm" ? ["wasm"] : []);
        if (expected === "wasm") return assertEquals(engine.smallCalls, undefined);
        const { name, gpuRoundTripMs, crossoverSamples } = engine.smallCalls!;
        assertEquals(name, "wasm");
        assert.ok((gpuRoundTripMs as number) > 0);
        assert.ok(crossoverSamples === null || (crossoverSamples as number) >= 1);
      } finally {
        await pool.close();
      }
    },
  });
}
