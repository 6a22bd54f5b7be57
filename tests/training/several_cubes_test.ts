import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import type { CubeReader } from "../../lib/cube/cube.ts";
import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { imageSide } from "../../lib/cube/image_side.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { trainRequestSchema } from "../../lib/schemas/job.ts";
import { withRecipeDefaults } from "../../lib/schemas/recipe.ts";
import { loadModel, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { renderCard } from "../../lib/training/artifact/card.ts";
import { manifestForCube } from "../../lib/training/evaluation/manifest_for_cube.ts";
import { trainedLabels } from "../../lib/training/evaluation/seen_regions.ts";
import { applyModel } from "../../lib/training/inference/apply.ts";
import { openModel } from "../../lib/training/inference/predict.ts";
import { buildJointData, partAt, physicalInputs, physicalOutputs } from "../../lib/training/joint_data.ts";
import { alignCubes, type TrainingCube } from "../../lib/training/training_cubes.ts";
import { assert, assertClose, assertCloseToLargest, assertEquals, assertFailsWith } from "../support/assert.ts";
import { identity, run, tinyInput } from "./tiny_training.ts";

const film = (seed: number, points = 8) => simulateFilm({ rows: 20, cols: 22, points, seed }).cube;

const same = (value: number) => value;

function named(cube: CubeReader, name: string): TrainingCube {
  return { cube, cubeName: name, cubeSha256: name };
}

/** As a request over HTTP gets them, with few epochs. */
function several(change: Record<string, unknown> = {}) {
  const cubes = [{ cube: "one" }, { cube: "two" }];
  const body = { kind: "train", direction: "im2spec", cubes, saveAs: "tiny", window: 4, latent: 3, recipe: "robust" };
  const few = { batchSize: 16, filters: 2, epochs: 2, members: 1, inputNoise: 0.2 };
  return trainRequestSchema.parse(withRecipeDefaults({ ...body, ...few, ...change }));
}

function trainOn(cubes: CubeReader[], change: Record<string, unknown> = {}, checkpoint?: Uint8Array) {
  const [first, ...others] = cubes.map((cube, k) => named(cube, `film ${k}`));
  return run(tinyInput({}, { ...first, others, request: several(change), checkpoint }));
}

/** Other values beside the same image: what was measured near 0 V. */
function changed(cube: CubeReader, change: (value: number) => number): CubeReader {
  const { shape, axes, quantity, unit } = cube;
  const [rows, cols] = shape;
  const values_HWS = cube.readBlock({ row: 0, col: 0, rows, cols }).map(change);
  const image = { name: "image", quantity, unit, values_HW: imageSide(cube, {}).image_HW };
  return createMemoryCube({ shape, axes, quantity, unit, values_HWS, images: [image] });
}

Deno.test("a model of two films of the same physics carries over to either, and not to a film of another", async () => {
  const alike = await trainOn([changed(film(3), same), changed(film(4), same)], { validation: "cubes", map: "image" });
  const { cubes } = alike.trained.manifest.scores!;
  assertEquals(cubes!.map(({ name }) => name), ["film 0", "film 1"]);
  for (const { test, leftOut } of cubes!) {
    assert(test.r2! > 0.5, `own held-out part: ${test.r2}`);
    assert(leftOut!.test.r2! > 0.5, `left out: ${leftOut!.test.r2}`);
    assert(leftOut!.baselines.mean.r2! < 0.1, `mean: ${leftOut!.baselines.mean.r2}`);
  }
  const unlike = await trainOn([changed(film(3), same), changed(film(4), (value) => -value)], {
    validation: "cubes",
    map: "image",
  });
  for (const { leftOut } of unlike.trained.manifest.scores!.cubes!) {
    assert(leftOut!.test.r2! < 0, `left out of another physics: ${leftOut!.test.r2}`);
  }
  const { manifest } = await loadModel(await writeArtifact(alike.trained, identity));
  assert.match(
    renderCard(manifest),
    /cube: r2.*trained without it.*\n.*\n\| `film 0` \| 0\.\d+ \| 0\.\d+ \| 0\.\d+ \| 0\.\d+ \|/,
  );
});

Deno.test("each cube is standardised by its own training part, and applied to a cube the model uses that cube's scaler", async () => {
  const louder = changed(film(4), (value) => 100 + 10 * value);
  const { trained } = await trainOn([changed(film(3), same), louder], { map: "image" });
  const { manifest } = await loadModel(await writeArtifact(trained, identity));
  const [one, two] = manifest.training!.cubes!.map(({ scaler }) => scaler.output as { mean: number; std: number });
  assertCloseToLargest([two.mean / 100, two.std / 350], [1, 1], 0.2, "scaler of the louder film");
  const pooled = manifest.scaler.output as { mean: number; std: number };
  assertClose([pooled.mean, pooled.std], [(one.mean + two.mean) / 2, Math.hypot(one.std, two.std) / Math.SQRT2], 1e-6);
  const own = manifestForCube(manifest, { cubeSha256: "film 1", shape: louder.shape });
  assertEquals([own.scaler.output, own.scores!.test], [two, manifest.scores!.cubes![1].test]);
  assertEquals(manifestForCube(manifest, { cubeSha256: "other", shape: louder.shape }), manifest);
  const model = await openModel(openReferenceEngine(), { ...await loadModel(await writeArtifact(trained, identity)) });
  const { output_HWO } = await applyModel(louder, { ...model, loaded: { ...model.loaded, manifest: own } });
  const mean = output_HWO.reduce((sum, value) => sum + value / output_HWO.length, 0);
  assert(Math.abs(mean - two.mean) < 0.3 * two.std, `mean prediction ${mean} of the louder film`);
  await model.close();
  const source = { cubeSha256: "film 1", shape: louder.shape };
  const counts = new Map<number, number>();
  for (const label of trainedLabels(manifest, source, 4)) counts.set(label, (counts.get(label) ?? 0) + 1);
  assertEquals([counts.get(1), counts.get(3)], [own.training!.trainPixels, own.training!.testPixels]);
});

Deno.test("pairs of several cubes are those of each, in its own units, on one grid where none touches another", () => {
  const cubes = [changed(film(3), same), changed(film(4), (value) => 5 * value - 40)].map((cube, k) =>
    named(cube, `${k}`)
  );
  const request = several({ map: "image" });
  const data = buildJointData(cubes, request, { continued: () => undefined });
  for (const set of [data.train, data.test, data.guard]) {
    const [input, target] = [physicalInputs(data, set), physicalOutputs(data, set.pixels, set.target_NO)];
    for (const n of [0, set.pixels.length - 1]) {
      const { cube, row0 } = partAt(data.parts, set.pixels[n], data.cols);
      const [row, col] = [Math.floor(set.pixels[n] / data.cols) - row0, set.pixels[n] % data.cols];
      assertEquals(cube, n === 0 ? 0 : 1);
      assertCloseToLargest(
        target.subarray(n * 8, n * 8 + 8),
        cubes[cube].cube.readSpectrum(row, col),
        1e-5,
        "spectrum",
      );
      const image = cubes[cube].cube.readImage("image")!.values_HW;
      assertCloseToLargest([input[n * 16]], [image[(row - 2) * 22 + col - 2]], 1e-4, "first pixel of the patch");
    }
  }
  assertEquals(data.parts.map(({ row0 }) => row0), [0, 28]);
  const [first, second] = [0, 1].map((k) => data.parts[k].trainPixels);
  assertEquals(data.train.pixels.length, first + second);
});

for (const [direction, recipe] of [["im2spec", "robust"], ["spec2im", "published"]]) {
  Deno.test(`${direction}, ${recipe}: an ensemble on two cubes goes on from a checkpoint bit-identically`, async () => {
    const change = { direction, recipe, members: 2, validation: "cubes", epochs: 1, latent: 2 };
    const whole = await trainOn([film(3), film(4)], change);
    const checkpoints = whole.events.flatMap((event) => event.kind === "checkpoint" ? [event.bytes] : []);
    const epochs = whole.events.flatMap((event) => event.kind === "epoch" ? [[event.epoch, event.epochs]] : []);
    assertEquals(epochs, Array.from({ length: 6 }, (_, i) => [i + 1, 6]));
    const resumed = await trainOn([film(3), film(4)], change, checkpoints.at(-2));
    assertEquals(resumed.trained.state, whole.trained.state);
    assertEquals(resumed.trained.members, whole.trained.members);
    assertEquals(resumed.trained.manifest.scores, whole.trained.manifest.scores);
    assert(whole.trained.manifest.spreadFactor! > 0);
    const error = await assertFailsWith(
      "checkpoint_mismatch",
      () => trainOn([film(3)], { ...change, validation: "split" }, checkpoints[0]),
    );
    assert.match(error.message, /another request/);
  });
}

Deno.test("a model of several cubes can be trained on, with the scaler that it has for a cube", async () => {
  const { trained } = await trainOn([film(3), film(4)]);
  const from = await loadModel(await writeArtifact(trained, identity));
  const request = several({ from: "tiny@1", cubes: undefined, cube: "two", learningRate: 1e-4 });
  const { manifest } = (await run(tinyInput({}, { ...named(film(4), "film 1"), request, from }))).trained;
  assertEquals(manifest.scaler, trained.manifest.training!.cubes![1].scaler);
  assertEquals(manifest.training!.seen, [trained.manifest.training!.cubes![1].region]);
});

Deno.test("spectra on another axis are resampled to the steps that all cubes have", () => {
  const line = (values: number[], slope: number) => onAxis(values, (at) => slope * at + 1);
  const [one, two] = alignCubes([named(line([0, 1, 2, 3, 4], 2), "one"), named(line([-1, 0.5, 3.2], 3), "two")]);
  // 4 lies outside the second axis.
  assertEquals(one.cube.axes.spectral.values, [0, 1, 2, 3]);
  assertClose(two.cube.axes.spectral.values, [0, 1, 2, 3], 1e-12);
  assertClose(one.cube.readSpectrum(2, 3), [1, 3, 5, 7], 1e-6);
  assertClose(two.cube.readSpectrum(2, 3), [1, 4, 7, 10], 1e-5);
  assertEquals(two.preparation, [{ step: "resampleTo", parameters: { values: [0, 1, 2, 3] } }]);
  const alike = alignCubes([named(line([0, 1, 2], 1), "one"), named(line([0, 1.0001, 2], 1), "two")]);
  assertEquals(alike.map(({ preparation }) => preparation), [undefined, undefined]);
});

Deno.test("sweeps are resampled branch by branch", () => {
  // The value tells the branch: rising 0, 1, 2, falling 12, 11, 10.
  const coarse = sweep([0, 2, 0], [0, 2, 10]);
  const fine = sweep([0, 1, 2, 1.5, 1, 0], [0, 1, 2, 11.5, 11, 10]);
  const [, two] = alignCubes([named(sweep([0, 1, 2, 1, 0], [0, 1, 2, 11, 10]), "one"), named(fine, "two")]);
  assertClose(two.cube.readSpectrum(0, 0), [0, 1, 2, 11, 10], 1e-6);
  const [, rough] = alignCubes([named(sweep([0, 1, 2, 1, 0], [0, 1, 2, 11, 10]), "one"), named(coarse, "two")]);
  assertClose(rough.cube.readSpectrum(0, 0), [0, 1, 2, 6, 10], 1e-6);
});

Deno.test("cubes that cannot be learned from together are refused, with what differs", async () => {
  const [one, other] = [film(3), film(4)];
  const refused = (code: string, cube: CubeReader) => assertFailsWith(code, () => trainOn([one, cube]));
  const quantity = await refused("quantities_differ", { ...other, quantity: "Current" });
  assert.match(quantity.message, /^Quantity of cube film 1 is Current; expected .*, as in cube film 0$/);
  await refused("units_differ", { ...other, unit: "A" });
  const { axes } = other;
  const onBias = (values: number[], unit = axes.spectral.unit) => ({
    ...other,
    axes: { ...axes, spectral: { ...axes.spectral, unit, values } },
  });
  await refused("units_differ", onBias(axes.spectral.values, "mV"));
  await refused("axes_do_not_overlap", onBias(axes.spectral.values.map((value) => value + 100)));
  await refused("sweeps_differ", onBias(axes.spectral.values.toSorted((a, b) => a - b)));
  await assertFailsWith("validation_not_possible", () => trainOn([one, other], { validation: "sides" }));
  await assertFailsWith("validation_not_possible", () => trainOn([one], { validation: "cubes" }));
});

function onAxis(values: number[], valueAt: (at: number, s: number) => number): CubeReader {
  const { axes } = film(3);
  const shape = [4, 5, values.length] as const;
  const values_HWS = Float32Array.from(
    { length: 20 * values.length },
    (_, at) => valueAt(values[at % values.length], at % values.length),
  );
  return createMemoryCube({
    ...{ shape: [...shape], axes: { ...axes, spectral: { ...axes.spectral, values } }, quantity: "q", unit: "u" },
    values_HWS,
    images: [],
  });
}

function sweep(values: number[], spectrum: number[]): CubeReader {
  return onAxis(values, (_, s) => spectrum[s]);
}
