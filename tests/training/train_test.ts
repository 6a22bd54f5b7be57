import { createRandom } from "../../lib/base/random.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import type { TrainRequest } from "../../lib/schemas/job.ts";
import { type LoadedModel, loadModel, type TrainedModel, writeArtifact } from "../../lib/training/artifact/artifact.ts";
import { type TrainingEvent, trainModel } from "../../lib/training/train.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";
import { identity, run, tinyInput } from "./tiny_training.ts";

const checkpointsOf = (events: TrainingEvent[]) =>
  events.flatMap((event) => event.kind === "checkpoint" ? [event.bytes] : []);
const epochsOf = (events: TrainingEvent[]) => events.flatMap((event) => event.kind === "epoch" ? [event] : []);

Deno.test("a training streams its epochs and ends with scores, baselines, best and last weights", async () => {
  const { events, trained } = await run(tinyInput({ epochs: 6 }));
  const epochs = epochsOf(events);
  assertEquals(epochs.map((event) => event.epoch), [1, 2, 3, 4, 5, 6]);
  const phases = events.flatMap((event) => event.kind === "phase" ? [event.phase] : []);
  assertEquals(phases, ["preparing", "training", "scoring"]);
  assert.ok(epochs[5].trainLoss < 0.8 * epochs[0].trainLoss, `${epochs[0].trainLoss} to ${epochs[5].trainLoss}`);
  assert.ok(epochs.every((event) => event.etaSeconds >= 0 && event.patchesPerSecond > 0));
  assertEquals(epochs[5].etaSeconds, 0);
  const { training, scores } = trained.manifest;
  assertEquals(training!.history.testLoss, epochs.map((event) => event.testLoss));
  // 22 columns: 15 to train on, of which 2 to 14 have a patch; rows 2 to 18; test columns 18 to 20.
  assertEquals([training!.trainPixels, training!.testPixels], [17 * 13, 17 * 3]);
  for (const name of ["mean", "ridge", "nearest", "kernelRidge", "trees"] as const) {
    assert.ok(scores!.baselines[name]!.mse! > 0, name);
  }
  assert.ok(scores!.baselines.ridge.mse! < 0.7 * scores!.baselines.mean.mse!, "the image tells of the loops");
  assert.equal(scores!.byBlock!.reduce((sum, block) => sum + block.count, 0), training!.testPixels);
  assert.match(scores!.verdict!, /ridge/);
  assert.ok(trained.last !== undefined && training!.bestEpoch >= 1 && training!.bestEpoch <= 6);
});

Deno.test("the same seed gives the same model bit by bit, another seed another one", async () => {
  const weights = async (seed: number) => (await writeArtifact((await run(tinyInput({ seed }))).trained, identity));
  const [a, b, c] = [await weights(1), await weights(1), await weights(2)];
  assertEquals(a.get("weights.safetensors"), b.get("weights.safetensors"));
  assert.notDeepEqual(a.get("weights.safetensors"), c.get("weights.safetensors"));
});

for (const members of [1, 2]) {
  Deno.test(`a training of ${members} that goes on from any of its checkpoints ends bit-identically`, async () => {
    const change = { members, epochs: 2 };
    const whole = await run(tinyInput(change));
    const wanted = await writeArtifact(whole.trained, identity);
    const checkpoints = checkpointsOf(whole.events);
    assertEquals(checkpoints.length, 2 * members);
    for (const [i, checkpoint] of checkpoints.entries()) {
      const resumed = await run(tinyInput(change, { checkpoint }));
      assertEquals(epochsOf(resumed.events).map((event) => event.epoch), range(i + 2, 2 * members));
      const files = await writeArtifact(resumed.trained, identity);
      const weights = [...wanted.keys()].filter((name) => name.endsWith(".safetensors"));
      assertEquals(weights.length, 1 + members);
      for (const name of weights) assertEquals(files.get(name), wanted.get(name), `${name} from checkpoint ${i + 1}`);
      assertEquals(resumed.trained.manifest.training!.history, whole.trained.manifest.training!.history);
      assertEquals(resumed.trained.manifest.scores, whole.trained.manifest.scores);
    }
  });
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
}

Deno.test("a checkpoint of another request, or no checkpoint at all, is refused", async () => {
  const [checkpoint] = checkpointsOf((await run(tinyInput({ epochs: 1 }))).events);
  await assertFailsWith("checkpoint_mismatch", () => run(tinyInput({ epochs: 1, seed: 9 }, { checkpoint })));
  await assertFailsWith("safetensors_malformed", () => run(tinyInput({}, { checkpoint: new Uint8Array(20) })));
});

Deno.test("a loss that is no longer finite stops the training, names the epoch and leaves the last good state", async () => {
  const events: TrainingEvent[] = [];
  const error = await assertFailsWith("loss_not_finite", async () => {
    const input = tinyInput({ learningRate: 1, epochs: 40 }, { checkpointEveryMs: 1e9, engine: failingAfter(20) });
    for await (const event of trainModel(input)) if (event.kind !== "phase") events.push(event);
  });
  assert.match(error.message, /epoch 2/);
  assertEquals(events.map((event) => event.kind), ["epoch", "checkpoint"]);
});

/** The reference engine whose training steps give NaN from the n-th on, as a weight that overflowed would. */
function failingAfter(steps: number) {
  const engine = openReferenceEngine();
  let done = 0;
  return {
    ...engine,
    open: async (...args: Parameters<typeof engine.open>) => {
      const session = await engine.open(...args);
      const train = session.trainSteps.bind(session);
      session.trainSteps = async (batches) => (await train(batches)).map((loss) => ++done > steps ? NaN : loss);
      return session;
    },
  };
}

Deno.test("a training that is stopped ends with cancelled, before the next epoch", async () => {
  const stop = new AbortController();
  const epochs: number[] = [];
  await assertFailsWith("cancelled", async () => {
    for await (const event of trainModel(tinyInput({ epochs: 1000 }, { signal: stop.signal }))) {
      if (event.kind !== "epoch") continue;
      epochs.push(event.epoch);
      stop.abort();
    }
  });
  assertEquals(epochs, [1]);
});

Deno.test("fine-tuning starts from the base's weights and keeps its scaler", async () => {
  const base = await run(tinyInput({ epochs: 4 }));
  const from = await loadModel(await writeArtifact(base.trained, identity));
  const cube = simulateFilm({ rows: 20, cols: 22, points: 8, seed: 8 }).cube;
  const tuned = await run(tinyInput({ from: "tiny@1", epochs: 1 }, { from, cube }));
  assertEquals(tuned.trained.manifest.scaler, base.trained.manifest.scaler);
  assertEquals(tuned.trained.manifest.training!.from, "tiny@1");
  const fresh = await run(tinyInput({ epochs: 1 }, { cube }));
  const first = (result: typeof tuned) => epochsOf(result.events)[0].trainLoss;
  assert.ok(first(tuned) < 0.8 * first(fresh), `${first(tuned)} against ${first(fresh)} from scratch`);
  const error = await assertFailsWith("from_mismatch", () => run(tinyInput({ from: "tiny@1", latent: 3 }, { from })));
  assert.match(error.message, /latent 2.*3/);
});

Deno.test("what was trained on once never tests a model that continues from it", async () => {
  // Noise: nothing in it can be learned, only remembered.
  const random = createRandom(5);
  const values_HWS = Float32Array.from({ length: 20 * 30 * 8 }, () => random.normal());
  const cube = createMemoryCube({ shape: [20, 30, 8], values_HWS });
  const tuned = (base: LoadedModel | undefined, col: number, cols: number, change: Partial<TrainRequest> = {}) =>
    run(tinyInput({ epochs: 1, region: { row: 0, col, rows: 20, cols }, ...change }, { cube, from: base }));
  const loaded = async (trained: TrainedModel) => await loadModel(await writeArtifact(trained, identity));
  const first = await tuned(undefined, 0, 8);
  const second = await tuned(await loaded(first.trained), 12, 6);
  const third = await tuned(await loaded(second.trained), 18, 4);
  const seen = third.trained.manifest.training!.seen!;
  assertEquals(seen.map(({ col, cols }) => [col, cols]), [[0, 8], [12, 6]]);
  // Of columns 2 to 28 those from 25 on are 4 or more from all that was trained on.
  assertEquals(third.trained.manifest.training!.testPixels, 17 * 4);
  assertEquals(first.trained.manifest.training!.testPixels, 17 * 18);
  const other = await run(tinyInput({ epochs: 1 }, { from: await loaded(first.trained), cube, cubeSha256: "1" }));
  assertEquals(other.trained.manifest.training!.seen, undefined, "another cube");
  const base = await loaded((await tuned(undefined, 0, 16)).trained);
  const few = await assertFailsWith("too_few_test_pixels", () => tuned(base, 20, 9));
  assert.match(few.message, /where the model to go on from was trained/);
  await assertFailsWith("calibration_seen", () => tuned(base, 0, 16, { members: 2 }));
});

Deno.test("fine-tuning looks at the base's image side unless another is asked for", async () => {
  const base = await run(tinyInput({ map: "topography", epochs: 1 }));
  const from = await loadModel(await writeArtifact(base.trained, identity));
  const tuned = await run(tinyInput({ epochs: 1 }, { from }));
  assertEquals(tuned.trained.manifest.image, { map: "topography" });
  const other = await run(tinyInput({ epochs: 1, imageAt: 0 }, { from }));
  assertEquals(other.trained.manifest.image, { imageAt: 0 });
});

Deno.test("spec2im trains, too, and its guard looks at no pixel of a test patch", async () => {
  const { trained } = await run(tinyInput({ direction: "spec2im", epochs: 1 }));
  assertEquals(trained.manifest.network.direction, "spec2im");
  assertEquals(trained.check!.output.length, 16);
});

Deno.test("an ensemble reports a factor and coverage, and holds a stripe out", async () => {
  const { trained } = await run(tinyInput({ members: 3, epochs: 2 }));
  const { spreadFactor, scores, training } = trained.manifest;
  assertEquals(trained.members.length, 2);
  assert.ok(spreadFactor! > 0 && scores!.coverage! >= 0 && scores!.coverage! <= 1);
  // Of 13 columns 2 are held out and 3 are guard.
  assertEquals(training!.trainPixels, 17 * 8);
  const error = await assertFailsWith(
    "region_too_small_for_ensemble",
    () => run(tinyInput({ members: 2, region: { row: 0, col: 0, rows: 20, cols: 6 } })),
  );
  assert.match(error.message, /20 x 22/);
});
