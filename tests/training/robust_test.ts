import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { createRandom } from "../../lib/base/random.ts";
import { trainRequestSchema } from "../../lib/schemas/job.ts";
import { withRecipeDefaults } from "../../lib/schemas/recipe.ts";
import { loadModel, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { chosenRidge } from "../../lib/training/baselines/baselines.ts";
import { predictLinear } from "../../lib/training/baselines/ridge.ts";
import { choiceOf, stretched } from "../../lib/training/robust/choose_by_folds.ts";
import { principalLatents } from "../../lib/training/robust/principal_latents.ts";
import { robustStart } from "../../lib/training/robust/robust_start.ts";
import { buildTrainingData } from "../../lib/training/training_data.ts";
import type { NetworkState } from "../../lib/compute/engine.ts";
import { pca, pcaScores } from "../../lib/analysis/pca.ts";
import { sourceOf } from "../../lib/analysis/spectra_source.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assert, assertCloseToLargest, assertEquals } from "../support/assert.ts";
import { identity, run, tinyInput } from "./tiny_training.ts";

const SIZES = { recipe: "robust", direction: "im2spec", window: 4, points: 8, latent: 3, filters: 2 } as const;

/** As a request over HTTP gets them, with fewer epochs. */
function robust(change: Record<string, unknown> = {}) {
  const body = {
    kind: "train",
    direction: "im2spec",
    cube: "c",
    saveAs: "tiny",
    window: 4,
    latent: 3,
    recipe: "robust",
  };
  return trainRequestSchema.parse(withRecipeDefaults({ ...body, batchSize: 16, filters: 2, epochs: 2, ...change }));
}

Deno.test("the recipe's defaults are filled in, and what is said wins", () => {
  const body = { kind: "train", direction: "im2spec", cube: "c", saveAs: "m" };
  const { epochs, filters, members, weightDecay, schedule, inputNoise } = trainRequestSchema.parse(
    withRecipeDefaults({ ...body, recipe: "robust", members: 1 }),
  );
  assertEquals({ epochs, filters, members, weightDecay, schedule, inputNoise }, {
    epochs: 14,
    filters: 16,
    members: 1,
    weightDecay: 0.05,
    schedule: "cosine",
    inputNoise: undefined,
  });
  const published = trainRequestSchema.parse(withRecipeDefaults(body));
  assertEquals([published.epochs, published.members, published.schedule], [100, 1, "constant"]);
});

Deno.test("before training a robust network is the ridge regression reduced to its latent variables, in their order", async () => {
  const { network, data, ridge } = await prepared();
  const state = robustStart(network, 5, data.train.input_NI, ridge);
  const session = await openReferenceEngine().open(network, state);
  const { latent_NL, output_NO } = await session.predict(data.train.input_NI);
  const predicted_NO = predictLinear(ridge, data.train.input_NI);
  const components = pca(sourceOf(predicted_NO, 8), { components: 3 });
  const scores_NK = pcaScores(predicted_NO, components);
  const expected_NO = predicted_NO.map((_, at) => {
    const [n, o] = [Math.floor(at / 8), at % 8];
    let sum = components.mean_S[o];
    for (let k = 0; k < 3; k++) sum += scores_NK[n * 3 + k] * components.components_KS[k * 8 + o];
    return sum;
  });
  assertCloseToLargest(output_NO, expected_NO, 1e-5, "reduced-rank ridge regression");
  const deviations = Array.from(components.explainedVariance_K, Math.sqrt);
  assertCloseToLargest(latent_NL, scores_NK.map((score, at) => score / deviations[at % 3]), 1e-4, "latents");
});

Deno.test("principal latents leave predictions alone, are uncorrelated and come in order", async () => {
  const { network, data, ridge } = await prepared();
  const state = shaken(robustStart(network, 5, data.train.input_NI, ridge));
  const engine = openReferenceEngine();
  const before = await (await engine.open(network, state)).predict(data.train.input_NI);
  const ordered = principalLatents(network, state, before.latent_NL);
  const after = await (await engine.open(network, ordered)).predict(data.train.input_NI);
  assertCloseToLargest(after.output_NO, before.output_NO, 1e-4, "predictions");
  const count = data.train.pixels.length;
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let n = 0; n < count; n++) sum += after.latent_NL[n * 3 + i] * after.latent_NL[n * 3 + j] / (count - 1);
      assert(Math.abs(sum - (i === j ? 1 : 0)) < 1e-3, `covariance of ${i} and ${j} is ${sum}`);
    }
  }
  const linear = ordered.get("linear_dec.weight")!.data;
  const moved = [0, 1, 2].map((l) => linear.filter((_, at) => at % 3 === l));
  const lengths = moved.map((column) => Math.hypot(...column));
  assert(lengths[0] >= lengths[1] && lengths[1] >= lengths[2], `${lengths}`);
  for (const column of moved) {
    const largest = column.reduce((best, value) => Math.abs(value) > Math.abs(best) ? value : best, 0);
    assert(largest > 0, "the largest output of each is positive");
  }
});

Deno.test("stretching moves predictions along the line through the mean", async () => {
  const { network, data, ridge } = await prepared();
  const state = shaken(robustStart(network, 5, data.train.input_NI, ridge));
  const engine = openReferenceEngine();
  const mean_O = Float64Array.from({ length: 8 }, (_, o) => o / 10);
  const before = await (await engine.open(network, state)).predict(data.train.input_NI);
  const after = await (await engine.open(network, stretched(state, 0.3, mean_O))).predict(data.train.input_NI);
  const expected = before.output_NO.map((value, at) => mean_O[at % 8] + 0.3 * (value - mean_O[at % 8]));
  assertCloseToLargest(after.output_NO, expected, 1e-5, "stretched");
});

Deno.test("of the folds the noise with the least error is chosen, and the slope that makes it so", () => {
  const sums = (inputNoise: number, predicted: number, product: number) =>
    [0, 1].map((fold) => ({ inputNoise, fold, predicted, product, target: 10 }));
  const choice = choiceOf([...sums(0.2, 5, 4), ...sums(0.5, 2, 2.5)])!;
  // 0.2: 4^2 / 5 of 10 explained; 0.5: 2.5^2 / 2.
  assertEquals([choice.inputNoise, choice.slope], [0.2, 0.8]);
  assertCloseToLargest([choice.r2], [0.32], 1e-12, "r2");
  assertEquals(choiceOf(sums(0.2, 5, -4))!.slope, 1e-3);
  assertEquals(choiceOf(sums(0.2, 1, 0.3))!.slope, 1e-3, "less than a hundredth explained");
  assertEquals(choiceOf([]), undefined);
});

for (const direction of ["im2spec", "spec2im"] as const) {
  Deno.test(`${direction}: a robust training that goes on from any of its checkpoints ends bit-identically`, async () => {
    const input = (checkpoint?: Uint8Array) =>
      tinyInput({}, { request: robust({ direction, members: 2 }), checkpoint });
    const whole = await run(input());
    const expected = await writeArtifact(whole.trained, identity);
    const checkpoints = whole.events.flatMap((event) => event.kind === "checkpoint" ? [event.bytes] : []);
    assertEquals(checkpoints.length, 8 + 4, "one a fold and noise, one an epoch");
    assert(whole.trained.manifest.spreadFactor! > 0, "calibrated without a part held out");
    for (const at of [6, 10]) {
      const files = await writeArtifact((await run(input(checkpoints[at]))).trained, identity);
      for (const name of ["weights.safetensors", "weights.1.safetensors"]) {
        assertEquals(files.get(name), expected.get(name), `${name} from checkpoint ${at}`);
      }
    }
    const { manifest } = await loadModel(expected);
    assertEquals([manifest.network.recipe, manifest.training!.recipe], ["robust", "robust"]);
    assert(manifest.scores!.linearPath!.r2! <= 1 && manifest.training!.folds!.r2 <= 1);
  });
}

Deno.test("validation on four sides gives mean and range of each score, also after an interruption", async () => {
  const request = robust({ validation: "sides", members: 1, inputNoise: 0.5 });
  const whole = await run(tinyInput({}, { request }));
  const { sides, test } = whole.trained.manifest.scores!;
  assertEquals(sides!.bySide.map(({ side }) => side), ["left", "right", "upper", "lower"]);
  const r2 = sides!.bySide.map((side) => side.test.r2!);
  assertCloseToLargest([sides!.test.r2!.mean], [r2.reduce((a, b) => a + b, 0) / 4], 1e-12, "mean");
  assertEquals([sides!.test.r2!.min, sides!.test.r2!.max], [Math.min(...r2), Math.max(...r2)]);
  assertEquals(Object.keys(sides!.baselines), ["mean", "ridge", "nearest", "kernelRidge", "trees"]);
  // The default region is the left side.
  assertEquals(sides!.bySide[0].test, test);
  const epochs = whole.events.flatMap((event) => event.kind === "epoch" ? [[event.epoch, event.epochs]] : []);
  assertEquals(epochs, Array.from({ length: 10 }, (_, i) => [i + 1, 10]));
  const checkpoints = whole.events.flatMap((event) => event.kind === "checkpoint" ? [event.bytes] : []);
  // The first is of the fourth side's trainings, the last of two epochs of the whole one.
  for (const [at, epochsLeft] of [[20, 4], [checkpoints.length - 2, 1]]) {
    const { events, trained } = await run(tinyInput({}, { request, checkpoint: checkpoints[at] }));
    assertEquals(trained.manifest.scores, whole.trained.manifest.scores, `from checkpoint ${at}`);
    assertEquals(trained.state, whole.trained.state);
    assertEquals(events.filter(({ kind }) => kind === "epoch").length, epochsLeft, `from checkpoint ${at}`);
  }
});

Deno.test("a robust model can be trained on, with the noise that was asked for", async () => {
  const { trained } = await run(tinyInput({}, { request: robust({ inputNoise: 0.3 }) }));
  const from = await loadModel(await writeArtifact(trained, identity));
  const again = await run(tinyInput({}, { request: robust({ from: "tiny@1", learningRate: 1e-4 }), from }));
  assertEquals([trained.manifest.training!.folds!.inputNoise, again.trained.manifest.training!.folds], [
    0.3,
    undefined,
  ]);
  assertEquals(again.trained.members.length, 2);
});

Deno.test("where spectra have nothing to do with the image a robust model predicts the mean", async () => {
  const { cube } = simulateFilm({ rows: 24, cols: 24, points: 6, seed: 4 });
  const random = createRandom(5);
  const values_HWS = Float32Array.from({ length: 24 * 24 * 6 }, () => random.normal());
  const values_HW = Float32Array.from({ length: 24 * 24 }, () => random.normal());
  const { axes } = cube;
  const noise = createMemoryCube({
    ...{ shape: [24, 24, 6], axes, quantity: "q", unit: "", values_HWS },
    images: [{ name: "image", quantity: "", unit: "", values_HW }],
  });
  const request = robust({ map: "image", members: 1, latent: 2, epochs: 4 });
  const { scores, training } = (await run(tinyInput({}, { cube: noise, request }))).trained.manifest;
  assertEquals(training!.folds!.slope, 1e-3);
  assert(scores!.test.r2! < 0.02 && scores!.test.r2! > -0.1, `r2 ${scores!.test.r2}`);
  assert.match(scores!.verdict!, /no relation/);
});

async function prepared() {
  const network = buildNetwork(SIZES);
  const { cube, request } = tinyInput({ members: 1 });
  const data = buildTrainingData(cube, { ...request, window: 4 });
  const pause = () => Promise.resolve();
  return { network, data, ridge: await chosenRidge(data.train, { cols: cube.shape[1], window: 4, pause }) };
}

/** Other weights throughout, so that the convolutions add something. */
function shaken(state: NetworkState): NetworkState {
  const random = createRandom(9);
  return new Map([...state].map(([name, { shape, data }]) => [
    name,
    { shape, data: name.includes("running_var") ? data : data.map((value) => value + 0.2 * random.normal()) },
  ]));
}
