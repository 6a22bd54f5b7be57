import fc from "fast-check";
import { initialState } from "../../lib/compute/initial_state.ts";
import { layoutParameters, packState, unpackState } from "../../lib/compute/parameter_layout.ts";
import { planInference, planTraining } from "../../lib/compute/plan.ts";
import type { Plan } from "../../lib/compute/plan.ts";
import { accesses } from "../../lib/compute/step.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { NetworkOptions } from "../../models/network.ts";
import { assert, assertEquals } from "../support/assert.ts";

const optionsArbitrary: fc.Arbitrary<NetworkOptions> = fc.record({
  direction: fc.constantFrom("im2spec" as const, "spec2im" as const),
  window: fc.integer({ min: 1, max: 4 }).map((n) => 4 * n),
  points: fc.integer({ min: 1, max: 9 }),
  latent: fc.integer({ min: 1, max: 12 }),
  filters: fc.integer({ min: 1, max: 6 }),
});

function plansOf(options: NetworkOptions, batch: number): Plan[] {
  const network = buildNetwork(options);
  const halves = (["all", "encode", "decode"] as const).map((part) => planInference(network, batch, part));
  return [planTraining(network, batch), ...halves];
}

Deno.test("every step reads what was written before it, and writes nothing that it reads but a running total", () => {
  fc.assert(fc.property(optionsArbitrary, fc.integer({ min: 1, max: 5 }), (options, batch) => {
    for (const plan of plansOf(options, batch)) {
      const written = new Set([plan.input, plan.target]);
      for (const step of plan.steps) {
        const { reads, writes } = accesses(step);
        for (const id of reads) assert.ok(written.has(id), `${step.kind} ${step.label} reads ${plan.buffers[id].name}`);
        const both = reads.filter((id) => writes.includes(id));
        const total = "total" in step && step.total && !step.total.first ? [step.total.buffer] : [];
        assertEquals(both, total);
        writes.forEach((id) => written.add(id));
      }
      for (const id of [plan.latent, plan.output]) assert.ok(id === undefined || written.has(id));
    }
  }));
});

Deno.test("buffers that live at one time share no memory, and each fits its own", () => {
  fc.assert(fc.property(optionsArbitrary, fc.integer({ min: 1, max: 5 }), (options, batch) => {
    for (const { buffers, slotSizes } of plansOf(options, batch)) {
      for (const [i, a] of buffers.entries()) {
        assert.ok(slotSizes[a.slot] >= batch * a.floatsPerSample + a.floatsFixed, a.name);
        for (const b of buffers.slice(i + 1)) {
          const together = a.first <= b.last && b.first <= a.last;
          assert.ok(!together || a.slot !== b.slot, `${a.name} and ${b.name}`);
        }
      }
    }
  }));
});

Deno.test("every trained parameter gets one gradient, then one update", () => {
  for (const direction of ["im2spec", "spec2im"] as const) {
    const plan = planTraining(buildNetwork({ direction, window: 8, points: 6, latent: 2, filters: 3 }), 4);
    const written = plan.steps.flatMap((step) => {
      if (step.kind === "normaliseSums") return [step.norm.gamma, step.norm.beta];
      if (step.kind === "denseGradient" || step.kind === "convWeightGradient") return [step.weight, step.bias];
      return [];
    });
    const trained = [...plan.layout.slots.values()].filter((slot) => slot.offset < plan.layout.trainedSize);
    assertEquals(written.map((slot) => slot.spec.name).sort(), trained.map((slot) => slot.spec.name).sort());
    assertEquals(plan.steps.filter((step) => step.kind === "update").length, 1);
    assertEquals(plan.steps.at(-1)!.kind, "update");
  }
});

Deno.test("inference keeps a handful of buffers, whatever the depth", () => {
  const network = buildNetwork({ direction: "im2spec", window: 16, points: 64, latent: 2, filters: 64 });
  const { slotSizes } = planInference(network, 256);
  const largest = 256 * 16 * 16 * 64;
  const floats = slotSizes.reduce((sum, size) => sum + size, 0);
  assert.ok(floats < 2.6 * largest, `${floats / largest} times the largest activation`);
});

Deno.test("packing turns the axes and unpacking turns them back", () => {
  fc.assert(fc.property(optionsArbitrary, fc.nat(), (options, seed) => {
    const network = buildNetwork(options);
    const layout = layoutParameters(network);
    const state = initialState(network, seed);
    assertEquals(unpackState(layout, packState(layout, state)), state);
  }));
});

Deno.test("packed weights lie as the engines read them", () => {
  const network = buildNetwork({ direction: "im2spec", window: 4, points: 5, latent: 2, filters: 3 });
  const layout = layoutParameters(network);
  const state = initialState(network, 1);
  const flat = packState(layout, state);
  const at = (name: string, index: number) => flat[layout.slots.get(name)!.offset + index];
  const conv = state.get("enc_conv.block.3.weight")!.data; // (out, in, 3, 3) -> (tap, in, out)
  assertEquals(at("enc_conv.block.3.weight", (7 * 3 + 1) * 3 + 2), conv[(2 * 3 + 1) * 9 + 7]);
  const encoder = state.get("enc_fc.weight")!.data; // (latent, C * P) -> (latent, P, C)
  assertEquals(at("enc_fc.weight", 48 + 10 * 3 + 2), encoder[48 + 2 * 16 + 10]);
  const decoder = state.get("dec_fc.weight")!.data; // (C * S, latent) -> (latent, S, C)
  assertEquals(at("dec_fc.weight", 15 + 4 * 3 + 2), decoder[(2 * 5 + 4) * 2 + 1]);
  assertEquals(at("dec_fc.bias", 4 * 3 + 2), state.get("dec_fc.bias")!.data[2 * 5 + 4]);
});
