import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { demoCube } from "../../lib/cube/demo_cube.ts";
import { gatherSpectra } from "../../lib/cube/gather_spectra.ts";
import { cutPatches } from "../../lib/cube/patches.ts";
import { splitPixels } from "../../lib/cube/split.ts";
import { loadModel, type ModelFiles } from "../../lib/training/artifact/artifact.ts";
import { blockSums, scoreOf } from "../../lib/training/evaluation/block_scores.ts";
import { openModel, predictPhysical } from "../../lib/training/inference/predict.ts";
import { assert, assertClose, assertEquals } from "../support/assert.ts";

const ZOO = new URL("../../zoo/", import.meta.url);
const NAMES = ["pto-beps-im2spec", "pto-beps-spec2im", "simulated-film-im2spec", "simulated-film-spec2im"];

async function filesOf(name: string): Promise<ModelFiles> {
  const folder = new URL(`${name}/1/`, ZOO);
  const files: ModelFiles = new Map();
  for await (const { name } of Deno.readDir(folder)) files.set(name, await Deno.readFile(new URL(name, folder)));
  return files;
}

for (const name of NAMES) {
  Deno.test(`${name} is whole, passes its check on the oracle and states scores, split and baselines`, async () => {
    const files = await filesOf(name);
    assertEquals([...files.keys()].sort(), ["card.md", "check.json", "model.json", "weights.safetensors"]);
    const { manifest, card } = await loadModel(files, openReferenceEngine());
    assertEquals([manifest.name, manifest.version, manifest.network.window, manifest.network.latent], [name, 1, 8, 2]);
    const { test, baselines } = manifest.scores!;
    for (const score of [test, baselines.mean, baselines.ridge, baselines.nearest, baselines.kernelRidge!]) {
      assert.ok(card.includes(String(Number(score.mse!.toPrecision(3)))), `${score.mse} on the card`);
    }
    assert.match(card, /guard band of 7/);
    assert.match(card, /MIT/);
  });
}

Deno.test("the shipped film models reach on the demo cube the held-out score of their cards", async () => {
  const { cube } = demoCube();
  const { test } = splitPixels(cube.shape, 8);
  const patches = cutPatches(cube.readMap(0), 60, 60, 8, test);
  const spectra = gatherSpectra(cube, test);
  const engine = await openWasmEngine({ threads: 1 });
  for (const [direction, input, target_NO] of [["im2spec", patches, spectra], ["spec2im", spectra, patches]] as const) {
    const model = await openModel(engine, await loadModel(await filesOf(`simulated-film-${direction}`)));
    const { output_NO, warnings } = await predictPhysical(model, input);
    const score = scoreOf(blockSums({ pixels: test, predicted_NO: output_NO, target_NO }, 60, 8));
    const { scores } = model.loaded.manifest;
    assertClose([score.mse!, score.r2!], [scores!.test.mse!, scores!.test.r2!], 1e-3 * scores!.test.mse!);
    assert.ok(score.r2! > 0.8, `${direction}: ${score.r2}`);
    assert.ok(score.mse! < 0.3 * scores!.baselines.mean.mse!);
    assertEquals(warnings.filter((warning) => warning.includes("input")), []);
    await model.close();
  }
  await engine.close();
});
