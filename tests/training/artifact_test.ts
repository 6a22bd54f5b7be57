import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { loadModel, type ModelFiles, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { identity, run, tinyInput } from "./tiny_training.ts";

async function tinyFiles(change: Parameters<typeof tinyInput>[0] = {}): Promise<ModelFiles> {
  return await writeArtifact((await run(tinyInput({ epochs: 1, ...change }))).trained, identity);
}
const changed = (files: ModelFiles, name: string, bytes: Uint8Array) => new Map(files).set(name, bytes);
const text = (files: ModelFiles, name: string) => new TextDecoder().decode(files.get(name));

Deno.test("an artifact comes back with the same weights and passes its check", async () => {
  const { trained } = await run(tinyInput({ epochs: 1, members: 2, notes: "Simulated film" }));
  const files = await writeArtifact(trained, identity);
  assertEquals([...files.keys()].sort(), [
    "card.md",
    "check.json",
    "last.safetensors",
    "model.json",
    "weights.1.safetensors",
    "weights.safetensors",
  ]);
  const loaded = await loadModel(files, openReferenceEngine());
  assertEquals([...loaded.state.keys()], loaded.network.parameters.map((spec) => spec.name));
  for (const [name, tensor] of trained.state) assertEquals(loaded.state.get(name)!.data, tensor.data);
  for (const [name, tensor] of trained.members[0]) assertEquals(loaded.members[0].get(name)!.data, tensor.data);
  assertEquals(loaded.manifest.name, "tiny");
});

Deno.test("the card states data, split, scores beside baselines, verdict and how the epoch was chosen", async () => {
  const card = text(await tinyFiles({ notes: "Made by the simulator" }), "card.md");
  for (
    const wanted of [
      /# tiny, version 1/,
      /Made by the simulator/,
      /Trained on 221 pixels: rows 0 to 19, columns 0 to 14/,
      /Tested on 51 pixels.*guard band of 3/,
      /baseline: ridge regression \| [\d.]+ \|/,
      /baseline: RBF kernel ridge regression/,
      /outer half of the guard band/,
      /im2spec .* ridge/,
    ]
  ) assert.match(card, wanted);
});

Deno.test("a changed, missing or foreign file is found out", async () => {
  const files = await tinyFiles();
  const weights = files.get("weights.safetensors")!.slice();
  weights[weights.length - 1] ^= 1;
  const hash = await assertFailsWith("model_broken", () => loadModel(changed(files, "weights.safetensors", weights)));
  assert.match(hash.message, /weights.safetensors.*SHA-256/);
  const without = new Map(files);
  without.delete("weights.safetensors");
  await assertFailsWith("model_broken", () => loadModel(without));
  await assertFailsWith("model_broken", () => loadModel(changed(files, "model.json", new Uint8Array([123]))));
  const empty = new TextEncoder().encode("{}");
  const schema = await assertFailsWith("model_broken", () => loadModel(changed(files, "model.json", empty)));
  assert.match(schema.message, /model.json.*name/);
});

Deno.test("weights that do not fit the network are refused by name", async () => {
  const files = await tinyFiles();
  const manifest = JSON.parse(text(files, "model.json"));
  manifest.network.latent = 3;
  const other = new TextEncoder().encode(JSON.stringify(manifest));
  const error = await assertFailsWith("weights_mismatch", () => loadModel(changed(files, "model.json", other)));
  assert.match(error.message, /enc_fc/);
});

Deno.test("a check that is not met fails with the difference", async () => {
  const files = await tinyFiles();
  const check = JSON.parse(text(files, "check.json"));
  check.output[3] += 0.01 * Math.max(...check.output.map(Math.abs));
  const other = changed(files, "check.json", new TextEncoder().encode(JSON.stringify(check)));
  const error = await assertFailsWith("check_failed", () => loadModel(other, openReferenceEngine()));
  assert.match(error.message, /output: difference/);
  await loadModel(other);
});
