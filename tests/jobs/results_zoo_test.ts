import type { CubeReader } from "../../lib/cube/cube.ts";
import { adjustedRand } from "../../lib/analysis/adjusted_rand.ts";
import { isNdArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { demoCube } from "../../lib/cube/demo_cube.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { writeNsid } from "../../lib/formats/hdf5/dialects/write_nsid.ts";
import { RESULT_TASKS } from "../../lib/jobs/results/result_tasks.ts";
import { applyModel } from "../../lib/training/inference/apply.ts";
import { readModelFiles } from "../../lib/jobs/processes/read_model_files.ts";
import { loadModel } from "../../lib/training/artifact/artifact.ts";
import { decodePhysical, openModel } from "../../lib/training/inference/predict.ts";
import { sha256Hex } from "../../lib/training/artifact/sha256.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { cubeInput } from "./support/applied_film.ts";

const FOLDER = new URL("../../zoo/simulated-film-im2spec/1/", import.meta.url);
const WANTED_RAND = 0.9, WANTED_TIMES_RANDOM = 5;

/** A result of the shipped film model, trained on the demo cube, applied to a film. */
async function filmResult(
  cube: CubeReader,
  name: string,
  parameters: Record<string, unknown>,
): Promise<Record<string, ResultTree>> {
  const engine = await openWasmEngine({ threads: 1 });
  const model = await openModel(engine, await loadModel(await readModelFiles(FOLDER)));
  try {
    const prediction = await applyModel(cube, model);
    const decode = async (latent_NL: Float32Array) => (await decodePhysical(model, latent_NL)).output_NO;
    const input = { ...cubeInput(cube, parameters), model: { manifest: model.loaded.manifest, prediction, decode } };
    return await RESULT_TASKS[`model.${name}`](input) as Record<string, ResultTree>;
  } finally {
    await model.close();
    await engine.close();
  }
}

Deno.test("the shipped film models name the demo cube as what they were trained on, by its bytes", async () => {
  const sha256 = await sha256Hex(await writeNsid(demoCube().cube));
  for (const direction of ["im2spec", "spec2im"]) {
    const text = await Deno.readTextFile(
      new URL(`../../zoo/simulated-film-${direction}/1/model.json`, import.meta.url),
    );
    assertEquals(JSON.parse(text).training.cubeSha256, sha256);
  }
});

Deno.test("two classes of the shipped model's latents are the film's a and c domains", async () => {
  const { cube, truth } = demoCube();
  const { labels } = await filmResult(cube, "gmm", { components: 2, seed: 1, covariance: "full" });
  assert.ok(isNdArray(labels));
  const met = Int32Array.from(labels.data, (label) => Number.isFinite(label) ? label : -1);
  const rand = adjustedRand(met, truth.domain_HW);
  assert.ok(rand > WANTED_RAND, `adjusted Rand index ${rand}`);
});

Deno.test("suggested points hit anomalies that the image does not tell of, at five times the random rate", async () => {
  const { cube, truth } = simulateFilm({ rows: 48, cols: 48, seed: 77, anomalies: 5 });
  const { points } = await filmResult(cube, "suggest", { count: 10, by: "error" });
  const hits = (points as { row: number; col: number }[]).filter(({ row, col }) => truth.anomaly_HW[row * 48 + col]);
  const randomRate = truth.anomaly_HW.reduce((a, b) => a + b) / truth.anomaly_HW.length;
  assert.ok(
    hits.length / 10 >= WANTED_TIMES_RANDOM * randomRate && hits.length > 0,
    `${hits.length} of 10, random ${randomRate}`,
  );
});
