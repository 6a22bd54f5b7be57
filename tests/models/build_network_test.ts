import { buildNetwork } from "../../models/build_network.ts";
import type { Direction, Network } from "../../models/network.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { readSafetensors } from "../../lib/training/artifact/safetensors.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";

const SMALL = { direction: "im2spec", window: 8, points: 10, latent: 2, filters: 4 } as const;

testWithShared("parameters have the names, order and shapes of the golden checkpoints", (shared) => {
  const folder = new URL("golden/networks/", shared);
  for (const { name } of Deno.readDirSync(folder)) {
    const { tensors, metadata } = readSafetensors(Deno.readFileSync(new URL(name, folder)));
    const network = buildNetwork({
      direction: metadata.kind as Direction,
      window: +metadata.window,
      points: +metadata.spectrum,
      latent: +metadata.latent,
      filters: +metadata.filters,
    });
    const golden = [...tensors].filter(([key]) => key.startsWith("init."))
      .map(([key, { shape }]) => [key.slice(5), shape]);
    assertEquals(network.parameters.map(({ name, shape }) => [name, shape]), golden);
    assertEquals([network.inputShape, network.outputShape], [
      tensors.get("x")!.shape.slice(1),
      tensors.get("y")!.shape.slice(1),
    ]);
  }
});

Deno.test("each layer reads activations that are there, from input over latent to output", () => {
  for (const direction of ["im2spec", "spec2im"] as const) {
    const { encoder, decoder, inputShape, outputShape } = buildNetwork({ ...SMALL, direction });
    assertReads(encoder, ["x"]);
    assertReads(decoder, ["latent"]);
    assertEquals(encoder.at(-1)!.output, "latent");
    assertEquals([decoder.at(-1)!.output, decoder.at(-1)!.outputShape], ["y", outputShape]);
    assertEquals(inputShape.length, direction === "im2spec" ? 3 : 2);
  }
});

function assertReads(layers: Network["encoder"], given: string[]): void {
  const known = new Set(given);
  for (const layer of layers) {
    for (const input of layer.inputs) assert.ok(known.has(input), `${layer.output} reads ${input}`);
    known.add(layer.output);
  }
}

Deno.test("the pyramid sums its twelve activations", () => {
  const sum = buildNetwork(SMALL).decoder.find((layer) => layer.kind === "sum")!;
  assertEquals(sum.inputs, Array.from({ length: 12 }, (_, i) => `dec_atrous.atrous_module.${i}`));
});

Deno.test("options that make no network are refused", async () => {
  const spec2im = { ...SMALL, direction: "spec2im" } as const;
  await assertFailsWith("window_not_even", () => buildNetwork({ ...SMALL, window: 7 }));
  await assertFailsWith("window_not_multiple_of_four", () => buildNetwork({ ...spec2im, window: 6 }));
  for (const key of ["window", "points", "latent", "filters"]) {
    for (const value of [0, -4, 2.5, NaN]) {
      await assertFailsWith("network_options", () => buildNetwork({ ...SMALL, [key]: value }));
    }
  }
  await assertFailsWith("network_too_large", () => buildNetwork({ ...SMALL, points: 16384, filters: 256, latent: 64 }));
});

Deno.test("the initial state is bounded by its fan-in and fixed by its seed", () => {
  const network = buildNetwork(SMALL);
  const state = initialState(network, 3);
  assertEquals(state, initialState(network, 3));
  assert.notDeepEqual(state, initialState(network, 4));
  assert.deepEqual([...state.get("enc_conv.block.2.weight")!.data], [1, 1, 1, 1]);
  assert.deepEqual([...state.get("enc_conv.block.2.running_mean")!.data], [0, 0, 0, 0]);
  const weight = state.get("enc_conv.block.3.weight")!.data; // fan-in 4 * 9
  const largest = Math.max(...weight.map(Math.abs));
  assert.ok(largest <= 1 / 6 && largest > 0.9 / 6, `largest ${largest}`);
  const mean = weight.reduce((sum, value) => sum + value, 0) / weight.length;
  assert.ok(Math.abs(mean) < 4 / 6 / Math.sqrt(3 * weight.length), `mean ${mean}`);
});
