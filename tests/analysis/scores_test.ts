import { assert, assertClose, assertEquals } from "../support/assert.ts";
import { createRandom } from "../../lib/base/random.ts";
import { blockBootstrap, spatialBlocks } from "../../lib/analysis/block_bootstrap.ts";
import { pooledScore, scoreSums } from "../../lib/analysis/scores.ts";
import { verdictOf } from "../../lib/analysis/verdict.ts";

Deno.test("pooled scores by hand, the same however the pairs are grouped, a pair with a NaN left out", () => {
  const pairs = { prediction_NS: [1, 2, 3, 5, 9, 9], target_NS: [1, 1, 4, 4, NaN, 9], size: 2 };
  for (const [group, groups] of [[[0, 0, 0], 1], [[0, 1, 1], 2], [[2, 0, 1], 3]] as const) {
    const { mse, nrmse, r2 } = pooledScore(scoreSums(pairs, group, { groups, origin: 2 }));
    assertClose([mse, nrmse, r2], [3 / 4, Math.sqrt(3 / (4 + 9 + 49 + 81)), 1 - 0.75 / 2.25], 1e-12);
  }
  const left = pooledScore(scoreSums(pairs, [0, -1, -1], { groups: 1, origin: 0 }));
  assertClose([left.mse], [0.5], 1e-12);
  const twice = pooledScore(scoreSums(pairs, [0, 1, -1], { groups: 2, origin: 0 }), [3, 1]);
  assertClose([twice.mse], [(3 + 2) / 8], 1e-12);
});

Deno.test("90 % intervals from 20 blocks cover the truth in 85 to 95 of 100 cases", () => {
  const random = createRandom(11);
  let covered = 0;
  const cases = 500;
  for (let n = 0; n < cases; n++) {
    const means = Float64Array.from({ length: 20 }, () => 3 + random.normal());
    const mean = (times: Int32Array) => means.reduce((sum, value, b) => sum + value * times[b], 0) / 20;
    const [low, high] = blockBootstrap(20, mean, { seed: n, draws: 300 });
    if (low <= 3 && 3 <= high) covered++;
  }
  assert.ok(covered / cases >= 0.85 && covered / cases <= 0.95, `covered ${covered} of ${cases}`);
});

Deno.test("one block has no interval", () => {
  assertEquals(blockBootstrap(1, () => 1, { seed: 1 }), [NaN, NaN]);
});

Deno.test("spatial blocks are numbered without gaps over the wanted pixels", () => {
  const { block_HW, count } = spatialBlocks({ rows: 4, cols: 6, side: 2 }, (pixel) => pixel % 6 >= 3);
  assertEquals(
    [...block_HW],
    [
      [-1, -1, -1, 0, 1, 1],
      [-1, -1, -1, 0, 1, 1],
      [-1, -1, -1, 2, 3, 3],
      [-1, -1, -1, 2, 3, 3],
    ].flat(),
  );
  assertEquals(count, 4);
});

Deno.test("the verdict says who wins, by how much, and when nobody can tell", () => {
  const random = createRandom(5);
  const blocks = 12, pixels = 240;
  const target_NS = Float64Array.from({ length: pixels }, () => random.normal());
  const noise = Float64Array.from({ length: pixels }, () => random.normal());
  const block_N = Int32Array.from({ length: pixels }, (_, n) => n % blocks);
  const sumsAt = (level: number, other = noise) =>
    scoreSums({ prediction_NS: target_NS.map((t, n) => t + level * other[n]), target_NS, size: 1 }, block_N, {
      groups: blocks,
      origin: 0,
    });
  const verdict = (a: number, b: number) =>
    verdictOf({ name: "im2spec", sums: sumsAt(a) }, { name: "ridge", sums: sumsAt(b, noise.toReversed()) }, {
      blocks,
      seed: 1,
    });
  assert.match(verdict(0.5, 1).words, /^im2spec beats ridge on held-out error by \d+ % \(\d+ to \d+ from 12 blocks\)$/);
  assert.match(verdict(1, 0.5).words, /^im2spec loses to ridge/);
  assert.match(verdict(1, 1).words, /cannot be told apart/);
  const { gain, interval } = verdict(0.5, 1);
  assert.ok(interval[0] < gain && gain < interval[1]);
});
