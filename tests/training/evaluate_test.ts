import { createRandom } from "../../lib/base/random.ts";
import { blockInterval, blockSums, scoreOf } from "../../lib/training/evaluation/block_scores.ts";
import { calibrateSpread, coverageOf, meanAndSpread } from "../../lib/training/evaluation/ensemble.ts";
import { epochBatches } from "../../lib/training/epoch_batches.ts";
import { evaluate, type EvaluationInput } from "../../lib/training/evaluation/evaluate.ts";
import { assert, assertClose, assertEquals } from "../support/assert.ts";

const COLS = 24;
const pixels = Int32Array.from({ length: 24 * COLS }, (_, i) => i);

function noisy(target_NO: Float32Array, sd: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return target_NO.map((t) => t + sd * random.normal());
}

function input(modelSd: number, ridgeSd: number, kernelSd = 3, treesSd = 3): EvaluationInput {
  const target_NO = noisy(new Float32Array(2 * pixels.length), 2, 1);
  const scored = (predicted_NO: Float32Array) => ({ pixels, predicted_NO, target_NO });
  return {
    direction: "im2spec",
    cols: COLS,
    window: 8,
    seed: 1,
    test: scored(noisy(target_NO, modelSd, 2)),
    train: scored(target_NO),
    baselines: {
      mean: new Float32Array(target_NO.length),
      ridge: noisy(target_NO, ridgeSd, 3),
      nearest: noisy(target_NO, 3, 4),
      kernelRidge: noisy(target_NO, kernelSd, 5),
      trees: noisy(target_NO, treesSd, 6),
    },
  };
}

Deno.test("scores of blocks add up to the scores of all", () => {
  const { test } = input(1, 1);
  const blocks = blockSums(test, COLS, 8);
  assertEquals([blocks.length, blocks[4].region], [9, { row: 8, col: 8, rows: 8, cols: 8 }]);
  let [sse, sst, nrmse] = [0, 0, 0];
  const mean = [0, 1].map((o) => test.target_NO.reduce((sum, t, i) => i % 2 === o ? sum + t : sum, 0) / pixels.length);
  for (let n = 0; n < pixels.length; n++) {
    let [d, s] = [0, 0];
    for (const i of [2 * n, 2 * n + 1]) {
      d += (test.predicted_NO[i] - test.target_NO[i]) ** 2;
      s += (test.predicted_NO[i] + test.target_NO[i]) ** 2;
      sst += (test.target_NO[i] - mean[i % 2]) ** 2;
    }
    sse += d;
    nrmse += Math.sqrt(d / s);
  }
  const { mse, r2, nrmse: met } = scoreOf(blocks);
  assertClose([mse!, r2!, met!], [sse / 2 / pixels.length, 1 - sse / sst, nrmse / pixels.length], 1e-9);
});

Deno.test("a perfect prediction has r2 1, a constant target none", () => {
  const target_NO = Float32Array.of(1, 2, 3, 4);
  const two = Int32Array.of(0, 1);
  const perfect = scoreOf(blockSums({ pixels: two, predicted_NO: target_NO, target_NO }, 5, 4));
  assertEquals(perfect, { mse: 0, nrmse: 0, r2: 1 });
  const flat = new Float32Array(4).fill(2);
  assertEquals(scoreOf(blockSums({ pixels: two, predicted_NO: target_NO, target_NO: flat }, 5, 4)).r2, null);
});

Deno.test("verdicts follow the interval of the gain over ridge", () => {
  assert.match(
    evaluate(input(1, 1.2)).verdict!,
    /beats ridge.*by 3\d % \(\d+ to \d+\): a nonlinear relation is supported/,
  );
  assert.match(evaluate(input(1.2, 1)).verdict!, /loses to ridge.*\(-3\d % \(-\d+ to -\d+\)\)/);
  assert.match(evaluate(input(1.2, 1.2)).verdict!, /cannot be told apart.*not supported/);
  assert.match(evaluate(input(1, 1.2, 0.5)).verdict!, /Kernel ridge regression does better than im2spec/);
  assert.match(
    evaluate(input(1, 1.4, 0.7, 0.5)).verdict!,
    /A forest of extremely randomised trees does better than im2spec/,
  );
  assert.match(
    evaluate(input(1, 2, 3, 1.4)).verdict!,
    /im2spec beats the best baseline, a forest of extremely randomised trees, by [45]\d % \(\d+ to \d+\)/,
  );
  const worthless = evaluate(input(3, 4)).verdict!;
  assert.match(worthless, /beats ridge.*im2spec does not beat the mean training target for certain \(-\d+ %/);
  assert.ok(!worthless.includes("is supported"), worthless);
  assert.match(evaluate(input(1.2, 1)).verdict!, /beats the mean.*: a linear relation is supported/);
  assert.match(evaluate(input(3, 2.2)).verdict!, /does not beat the mean.*no relation is supported/);
});

Deno.test("the interval of a mean over equal blocks has the width that normal theory gives", () => {
  const random = createRandom(8);
  const values = Float64Array.from({ length: 200 }, () => random.normal());
  const mean = values.reduce((sum, v) => sum + v, 0) / 200;
  const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 200);
  const [low, high] = blockInterval(200, (drawn) => drawn.reduce((sum, b) => sum + values[b], 0) / 200, 1)!;
  const wanted = 1.645 * sd / Math.sqrt(200);
  assertClose([mean - low, high - mean], [wanted, wanted], 0.1 * wanted);
  assertEquals(blockInterval(2, () => 1, 1), undefined);
});

Deno.test("a calibrated band covers 90 % of new targets of the same kind", () => {
  const sample = (seed: number) => {
    const target = noisy(new Float32Array(6000), 1, seed);
    return { target, band: meanAndSpread([1, 2, 3, 4, 5].map((k) => noisy(target, 0.4, 100 * seed + k))) };
  };
  const [held, fresh] = [sample(1), sample(2)];
  const factor = calibrateSpread(held.band, held.target);
  assertClose([coverageOf(held.band, held.target, factor)], [0.9], 0.001);
  assertClose([coverageOf(fresh.band, fresh.target, factor)], [0.9], 0.02);
  assertClose([meanAndSpread([Float32Array.of(1), Float32Array.of(4)]).spread[0]], [3 / Math.SQRT2], 1e-6);
});

Deno.test("mini-batches hold every sample once, differ by epoch and seed, and never one sample alone", () => {
  const all = (seed: number, epoch: number, count = 130) => epochBatches(count, 64, seed, epoch);
  assertEquals(all(1, 1).map((batch) => batch.length), [64, 64, 2]);
  assertEquals(all(1, 1, 129).map((batch) => batch.length), [64, 64]);
  assertEquals(all(1, 1).flatMap((batch) => [...batch]).sort((a, b) => a - b), [...Array(130).keys()]);
  assertEquals(all(1, 2), all(1, 2));
  assert.notDeepEqual(all(1, 1), all(1, 2));
  assert.notDeepEqual(all(1, 1), all(2, 1));
});
