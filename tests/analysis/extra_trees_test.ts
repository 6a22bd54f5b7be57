import { predictExtraTrees } from "../../lib/analysis/extra_trees.ts";
import { createRandom } from "../../lib/base/random.ts";
import { assert, assertClose, assertEquals } from "../support/assert.ts";

const pause = () => Promise.resolve();

/** Inputs of 3 values; two targets that follow from them by a step and a product. */
function samples(count: number, seed: number) {
  const random = createRandom(seed);
  const input_NI = Float32Array.from({ length: 3 * count }, () => random.normal());
  const target_NO = Float32Array.from({ length: 2 * count }, (_, k) => {
    const [a, b, c] = input_NI.subarray(3 * (k >> 1));
    return k % 2 === 0 ? (a > 0 ? 1 : -1) : b * c;
  });
  return { count, input_NI, target_NO };
}

Deno.test("a forest learns a step and a product, and gives the same bits again", async () => {
  const [train, test] = [samples(600, 1), samples(200, 2)];
  const predicted = await predictExtraTrees(train, test.input_NI, { seed: 3, pause });
  let [errors, squares] = [0, 0];
  test.target_NO.forEach((t, k) => {
    errors += (t - predicted[k]) ** 2;
    squares += t ** 2;
  });
  assert.ok(1 - errors / squares > 0.8, `r2 is ${1 - errors / squares}`);
  assertEquals(await predictExtraTrees(train, test.input_NI, { seed: 3, pause }), predicted);
  assert.notDeepEqual(await predictExtraTrees(train, test.input_NI, { seed: 4, pause }), predicted);
});

Deno.test("one tree with leaves of all samples says the mean; constant inputs and targets are no trouble", async () => {
  const train = samples(50, 5);
  const one = await predictExtraTrees(train, train.input_NI, { seed: 1, trees: 1, minLeaf: 50, pause });
  const mean = [0, 1].map((o) => train.target_NO.reduce((sum, t, k) => k % 2 === o ? sum + t / 50 : sum, 0));
  assertClose(one.subarray(0, 2), mean, 1e-6);
  const flat = { count: 20, input_NI: new Float32Array(60), target_NO: new Float32Array(40).fill(4) };
  assertClose(await predictExtraTrees(flat, flat.input_NI, { seed: 1, pause }), flat.target_NO, 1e-6);
});

Deno.test("a tree with leaves of one sample says what it was taught", async () => {
  const train = samples(80, 6);
  const met = await predictExtraTrees(train, train.input_NI, { seed: 1, trees: 3, minLeaf: 1, pause });
  assertClose(met, train.target_NO, 1e-6);
});
