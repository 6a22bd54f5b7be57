import { probeWebgpu } from "../../lib/compute/webgpu/webgpu_engine.ts";

const TRY_OUT = `
import { openWebgpuEngine } from "${new URL("../../lib/compute/webgpu/webgpu_engine.ts", import.meta.url)}";
import { initialState } from "${new URL("../../lib/compute/initial_state.ts", import.meta.url)}";
import { buildNetwork } from "${new URL("../../models/build_network.ts", import.meta.url)}";
const engine = await openWebgpuEngine({ timeoutMs: 50_000 });
const network = buildNetwork({ direction: "im2spec", window: 4, points: 3, latent: 1, filters: 2 });
await (await engine.open(network, initialState(network, 1))).predict(new Float32Array(16));
await engine.close();
`;

/**
 * Why no WebGPU test can run here, or undefined. The driver is tried in a process of its own first: one that hangs inside a
 * call cannot be interrupted from within, and must not hang the tests.
 */
export async function whyNoWebgpu(): Promise<string | undefined> {
  const probe = await probeWebgpu();
  if (!probe.available) return probe.reason;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", TRY_OUT],
    cwd: new URL("../../", import.meta.url),
    stdout: "null",
    stderr: "null",
  }).spawn();
  const watchdog = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const { code, signal } = await child.status;
  clearTimeout(watchdog);
  if (code === 0) return undefined;
  return `the driver of ${probe.device} ${
    signal ? `hung or crashed (${signal})` : "does not run the smallest network"
  }`;
}
