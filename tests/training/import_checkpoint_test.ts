import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { initialState } from "../../lib/compute/initial_state.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { loadModel, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { importCheckpoint } from "../../lib/training/artifact/import_checkpoint.ts";
import { openModel, predictPhysical } from "../../lib/training/inference/predict.ts";
import { writeSafetensors } from "../../lib/training/artifact/safetensors.ts";
import { assert, assertCloseToLargest, assertEquals, assertFailsWith } from "../support/assert.ts";
import { identity } from "./tiny_training.ts";

const options = { direction: "im2spec", window: 4, points: 6, latent: 2, filters: 2 } as const;
const engine = openReferenceEngine();
const weights = writeSafetensors(initialState(buildNetwork(options), 4));

Deno.test("an imported checkpoint predicts with its scaler and says that its training is not known", async () => {
  const scaler = { input: { mean: 2, std: 4 }, output: { mean: [0, 1, 2, 3, 4, 5], std: [1, 1, 1, 2, 2, 2] } };
  const files = await writeArtifact(await importCheckpoint({ network: options, scaler, weights, engine }), identity);
  const loaded = await loadModel(files, engine);
  assert.match(loaded.card, /Not known: an imported checkpoint/);
  const model = await openModel(engine, loaded);
  const patch = Float32Array.from({ length: 16 }, (_, i) => i);
  const { output_NO, warnings } = await predictPhysical(model, patch);
  const session = await engine.open(loaded.network, loaded.state);
  const plain = await session.predict(patch.map((x) => (x - 2) / 4));
  assertCloseToLargest(output_NO, plain.output_NO.map((y, s) => y * scaler.output.std[s] + s), 1e-5);
  assertEquals(warnings, []);
});

Deno.test("a scaler or axis that does not fit the network is refused with the numbers", async () => {
  const refuse = (code: string, rest: object) =>
    assertFailsWith(code, () => importCheckpoint({ network: options, weights, engine, ...rest }));
  const one = { mean: 0, std: 1 };
  const long = await refuse("scaler_mismatch", { scaler: { input: one, output: { mean: [0, 1], std: 1 } } });
  assert.match(long.message, /output.mean has 2 numbers.*6/);
  await refuse("scaler_mismatch", { scaler: { input: { mean: [0], std: [0] }, output: one } });
  const zero = await refuse("scaler_mismatch", { scaler: { input: { mean: 0, std: 0 }, output: one } });
  assert.match(zero.message, /input.std holds 0/);
  await refuse("axis_mismatch", { axis: { name: "V", unit: "V", values: [1, 2, 3] } });
});
