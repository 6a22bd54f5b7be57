import type { Engine } from "../../lib/compute/engine.ts";
import { openWebgpuEngine } from "../../lib/compute/webgpu/webgpu_engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { engineContract } from "../contracts/engine_contract.ts";
import { imageByPatches } from "../../lib/compute/image_by_patches.ts";
import { whyNoWebgpu } from "./webgpu_usable.ts";
import { assert, assertCloseToLargest, assertEquals, assertFailsWith } from "../support/assert.ts";

const skip = await whyNoWebgpu();
/** Renderers on the CPU compile each shader for 0.1 s or more: one device, and so one set of pipelines, for all tests. */
const shared: Engine | undefined = skip === undefined ? await openWebgpuEngine({ timeoutMs: 60_000 }) : undefined;

engineContract("webgpu", () => Promise.resolve({ ...shared!, close: () => Promise.resolve() }), {
  tolerance: 2e-4,
  exact: true,
  goldens: ["im2spec_w12_s50_l3_f8", "spec2im_w16_s50_l10_f16"],
  skip,
});

Deno.test({
  name: "webgpu: a map of several tiles is its patches, one by one",
  ignore: skip !== undefined,
  fn: async () => {
    const engine = await openWebgpuEngine({ timeoutMs: 60_000, tileBytes: 4 * 4 * (4 * 7 + 7) ** 2 }); // 4 x 4 positions
    const network = buildNetwork({ direction: "im2spec", window: 8, points: 3, latent: 3, filters: 4 });
    const session = await engine.open(network, initialState(network, 1));
    const [rows, cols] = [17, 13];
    const image_HW = Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(i * i));
    const whole = await session.predictImage(image_HW, rows, cols);
    const byPatch = await imageByPatches(session, image_HW, { rows, cols }, "all");
    assertCloseToLargest(whole.latent_HWL, byPatch.latent_HWL, 1e-5, "latent");
    assertCloseToLargest(whole.output_HWS, byPatch.output_HWS, 1e-5, "output");
    await session.close();
    await engine.close();
  },
});

Deno.test({
  name: "webgpu: what does not fit is refused with the remedy, and the engine goes on",
  ignore: skip !== undefined,
  fn: async () => {
    const network = buildNetwork({ direction: "im2spec", window: 16, points: 64, latent: 2, filters: 256 });
    const state = initialState(network, 1);
    const error = await assertFailsWith("gpu_memory", () => shared!.open(network, state, { trainBatch: 2 ** 17 }));
    assert.match(error.message, /[0-9]+ bytes.*smaller mini-batch.*LOOPSCOPE_ENGINE=wasm/);
    const small = buildNetwork({ direction: "im2spec", window: 4, points: 3, latent: 1, filters: 2 });
    const session = await shared!.open(small, initialState(small, 1));
    assertEquals((await session.predict(new Float32Array(16))).output_NO.length, 3);
    await session.close();
  },
});

Deno.test({
  name: "webgpu: a device that does not answer in time counts as hung, for good",
  ignore: skip !== undefined,
  fn: async () => {
    const impatient = await openWebgpuEngine({ timeoutMs: 0 });
    const network = buildNetwork({ direction: "im2spec", window: 16, points: 96, latent: 10, filters: 16 });
    const work = async () => {
      const session = await impatient.open(network, initialState(network, 1));
      await session.predict(new Float32Array(128 * 256));
    };
    const error = await assertFailsWith("gpu_hung", work);
    assert.match(error.message, /has not answered for 0 s: .*LOOPSCOPE_ENGINE=wasm/);
    await assertFailsWith("gpu_hung", work);
    await impatient.close();
  },
});

Deno.test({
  name: "webgpu: a closed engine refuses work and names the remedy",
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
