import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { cutPatches } from "../../lib/cube/patches.ts";
import { splitPixels } from "../../lib/cube/split.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { applyModel } from "../../lib/training/inference/apply.ts";
import { loadModel, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import {
  decodePhysical,
  encodePhysical,
  openModel,
  predictImagePhysical,
  predictPhysical,
} from "../../lib/training/inference/predict.ts";
import { predictImageInBands } from "../../lib/training/inference/predict_image_in_bands.ts";
import { assert, assertClose, assertCloseToLargest, assertEquals, assertFailsWith } from "../support/assert.ts";
import { identity, run, tinyInput } from "./tiny_training.ts";

const engine = openReferenceEngine();

async function openTiny(change: Parameters<typeof tinyInput>[0] = {}) {
  const input = tinyInput({ epochs: 2, ...change });
  const files = await writeArtifact((await run(input)).trained, identity);
  return { cube: input.cube, files, model: await openModel(engine, await loadModel(files)) };
}

Deno.test("a map's predictions equal patch by patch ones, and their error is the score on the card", async () => {
  const { cube, model } = await openTiny();
  const applied = await applyModel(cube, model);
  assertEquals([applied.row0, applied.col0, applied.rows, applied.cols], [2, 2, 17, 19]);
  const { test, train } = splitPixels(cube.shape, 4);
  const patches = cutPatches(cube.readMap(0), 20, 22, 4, test);
  const { output_NO, latent_NL } = await predictPhysical(model, patches);
  const mse = (pixels: Int32Array) => {
    let sum = 0;
    for (const pixel of pixels) {
      const [row, col] = [Math.floor(pixel / 22), pixel % 22];
      const at = ((row - 2) * 19 + col - 2) * 8;
      cube.readSpectrum(row, col).forEach((t, s) => sum += (applied.output_HWO[at + s] - t) ** 2 / 8 / pixels.length);
    }
    return sum;
  };
  const first = test.findIndex((pixel) => pixel === 2 * 22 + 18);
  const at = (18 - 2) * 8;
  assertCloseToLargest(output_NO.slice(first * 8, first * 8 + 8), applied.output_HWO.slice(at, at + 8), 1e-5);
  assertCloseToLargest(latent_NL.slice(first * 2, first * 2 + 2), applied.latent_HWL.slice(32, 34), 1e-5);
  const scores = model.loaded.manifest.scores!;
  assertClose([mse(test)], [scores.test.mse!], 1e-4 * scores.test.mse!);
  assertClose([mse(train)], [scores.train!.mse!], 1e-4 * scores.train!.mse!);
});

Deno.test("spec2im applied to a cube gives the patch of every spectrum", async () => {
  const { cube, model } = await openTiny({ direction: "spec2im" });
  const applied = await applyModel(cube, model);
  const { output_NO } = await predictPhysical(model, cube.readSpectrum(5, 7));
  const at = ((5 - 2) * 19 + 7 - 2) * 16;
  assertCloseToLargest(applied.output_HWO.slice(at, at + 16), output_NO, 1e-6);
});

Deno.test("encoding and decoding one after the other is predicting", async () => {
  const { cube, model } = await openTiny();
  const patches = cutPatches(cube.readMap(0), 20, 22, 4, [46, 100, 200]);
  const { latent_NL } = await encodePhysical(model, patches);
  const { output_NO } = await decodePhysical(model, latent_NL);
  assertCloseToLargest(output_NO, (await predictPhysical(model, patches)).output_NO, 1e-5);
});

Deno.test("an ensemble predicts the mean of its members with a band", async () => {
  const { files } = await openTiny({ members: 2 });
  const loaded = await loadModel(files);
  const both = await openModel(engine, loaded);
  const alone = async (state: typeof loaded.state) => {
    const model = await openModel(engine, { ...loaded, state, members: [] });
    return (await predictPhysical(model, patch)).output_NO;
  };
  const patch = Float32Array.from({ length: 16 }, (_, i) => i - 8);
  const { output_NO, spread_NO } = await predictPhysical(both, patch);
  const [a, b] = [await alone(loaded.state), await alone(loaded.members[0])];
  assertCloseToLargest(output_NO, a.map((v, i) => (v + b[i]) / 2), 1e-5);
  const factor = loaded.manifest.spreadFactor!;
  assertCloseToLargest(spread_NO!, a.map((v, i) => factor * Math.abs(v - b[i]) / Math.SQRT2), 1e-4);
});

Deno.test("inputs outside the training range bring a warning, those inside none", async () => {
  const { cube, model } = await openTiny();
  const inside = cutPatches(cube.readMap(0), 20, 22, 4, splitPixels(cube.shape, 4).train);
  assertEquals((await predictPhysical(model, inside)).warnings, []);
  const { warnings } = await predictPhysical(model, new Float32Array(16).fill(1e4));
  assert.match(warnings[0], /16 of 16 input values lie outside the training range -\d/);
  assert.match(warnings[1], /latent 0 outside the training range/);
  const far = await decodePhysical(model, Float32Array.of(1e6, 0));
  assert.match(far.warnings[0], /latent 0/);
});

Deno.test("inputs of a wrong size, or not finite, are refused with what was met and wanted", async () => {
  const { model } = await openTiny();
  const size = await assertFailsWith("input_size", () => predictPhysical(model, new Float32Array(15)));
  assert.match(size.message, /15 .* 16/);
  await assertFailsWith("input_size", () => predictPhysical(model, new Float32Array()));
  const bad = Float32Array.from({ length: 32 }, (_, i) => i === 20 ? NaN : 0);
  const nan = await assertFailsWith("input_not_finite", () => predictPhysical(model, bad));
  assert.match(nan.message, /NaN.* 4 of input 1/);
  await assertFailsWith("window_too_large", () => predictImagePhysical(model, new Float32Array(9), 3, 3));
  const spec2im = (await openTiny({ direction: "spec2im", epochs: 1 })).model;
  await assertFailsWith("direction", () => predictImagePhysical(spec2im, new Float32Array(64), 8, 8));
});

Deno.test("an image in bands is the image as a whole, and ends when nobody wants it any more", async () => {
  const { model } = await openTiny({ epochs: 1 });
  const [rows, cols] = [140, 40];
  const image_HW = Float32Array.from({ length: rows * cols }, (_, i) => 5 * Math.sin(i / 7) + Math.cos(i / 111));
  const whole = await predictImagePhysical(model, image_HW, rows, cols);
  const bands = await predictImageInBands(model, { image_HW, rows, cols }, new AbortController().signal);
  assertEquals([bands.row0, bands.col0, bands.rows, bands.cols], [2, 2, 137, 37]);
  assertCloseToLargest(bands.output_HWS, whole.output_HWS, 1e-6);
  assertCloseToLargest(bands.latent_HWL, whole.latent_HWL, 1e-6);
  assertEquals(bands.warnings, whole.warnings);
  await assertFailsWith("cancelled", () => predictImageInBands(model, { image_HW, rows, cols }, AbortSignal.abort()));
});

Deno.test("many samples are encoded and decoded a piece at a time, with the same result", async () => {
  const { model } = await openTiny({ epochs: 1 });
  const samples = 2500;
  const input_NI = Float32Array.from({ length: 16 * samples }, (_, i) => 5 * Math.sin(i / 13));
  const { latent_NL } = await encodePhysical(model, input_NI);
  const { output_NO } = await decodePhysical(model, latent_NL);
  const whole = await predictPhysical(model, input_NI);
  assertCloseToLargest(latent_NL, whole.latent_NL, 1e-6);
  assertCloseToLargest(output_NO, whole.output_NO, 1e-5);
  await assertFailsWith("cancelled", () => encodePhysical(model, input_NI, AbortSignal.abort()));
  await assertFailsWith("cancelled", () => decodePhysical(model, latent_NL, AbortSignal.abort()));
});

Deno.test("a cube with another axis is refused with both axes", async () => {
  const { model } = await openTiny();
  const shorter = simulateFilm({ rows: 20, cols: 22, points: 12, seed: 3 }).cube;
  const points = await assertFailsWith("axis_mismatch", () => applyModel(shorter, model));
  assert.match(points.message, /8 points of DC bias from -8 to 8 V.*12 points/);
  const wider = simulateFilm({ rows: 20, cols: 22, points: 8, seed: 3, limit_V: 10 }).cube;
  const values = await assertFailsWith("axis_mismatch", () => applyModel(wider, model));
  assert.match(values.message, /-8 to 8 V.*-10 to 10 V/);
});

Deno.test("applying a model stops when it is told to", async () => {
  const { cube, model } = await openTiny();
  await assertFailsWith("cancelled", () => applyModel(cube, model, { signal: AbortSignal.abort() }));
});
