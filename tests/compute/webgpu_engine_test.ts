import type { Engine } from "../../lib/compute/engine.ts";
import { openWebgpuEngine, probeWebgpu } from "../../lib/compute/webgpu/webgpu_engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { engineContract } from "../contracts/engine_contract.ts";
import { assert, assertFailsWith } from "../support/assert.ts";

const probe = await probeWebgpu();
const skip = probe.available ? undefined : probe.reason;
/** Renderers on the CPU compile each shader for 0.1 s or more: one device, and so one set of pipelines, for all tests. */
const shared: Engine | undefined = probe.available ? await openWebgpuEngine({ timeoutMs: 60_000 }) : undefined;

engineContract("webgpu", () => Promise.resolve({ ...shared!, close: () => Promise.resolve() }), {
  tolerance: 2e-4,
  exact: true,
  goldens: ["im2spec_w12_s50_l3_f8", "spec2im_w16_s50_l10_f16"],
  skip,
});

Deno.test({
  name: `webgpu: a closed engine refuses work and names the remedy`,
  ignore: skip !== undefined,
  fn: closed,
});

async function closed() {
  const network = buildNetwork({ direction: "im2spec", window: 4, points: 3, latent: 1, filters: 2 });
  const session = await shared!.open(network, initialState(network, 1));
  await shared!.close();
  const error = await assertFailsWith("gpu_lost", () => session.predict(new Float32Array(16)));
  assert.match(error.message, /LOOPSCOPE_ENGINE=wasm/);
}
