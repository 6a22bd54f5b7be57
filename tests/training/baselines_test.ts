import { createRandom } from "../../lib/base/random.ts";
import { BaselineThreads } from "../../lib/training/baselines/baseline_threads.ts";
import { chosenRidge, predictBaselines } from "../../lib/training/baselines/baselines.ts";
import { columnMeans, fitRidge, predictLinear } from "../../lib/training/baselines/ridge.ts";
import { solveSpd } from "../../lib/training/baselines/solve_spd.ts";
import { spatialFolds } from "../../lib/training/baselines/spatial_folds.ts";
import type { PairSet } from "../../lib/training/training_data.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";

const noPause = () => Promise.resolve();

/** Inputs of 3 values on a 20-column map; targets of 2 that follow from them by `rule`, with some noise. */
function pairs(count: number, seed: number, rule: (x: number[]) => number[], noise = 0.01): PairSet {
  const random = createRandom(seed);
  const input_NI: number[] = [], target_NO: number[] = [];
  for (let n = 0; n < count; n++) {
    const x = [random.normal(), random.normal(), random.normal()];
    input_NI.push(...x);
    target_NO.push(...rule(x).map((t) => t + noise * random.normal()));
  }
  return {
    pixels: Int32Array.from({ length: count }, (_, n) => n),
    input_NI: Float32Array.from(input_NI),
    target_NO: Float32Array.from(target_NO),
  };
}

function mse(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / a.length;
}

const options = { cols: 20, window: 2, pause: noPause };

Deno.test("a symmetric positive definite system is solved for several right sides", async () => {
  const random = createRandom(2);
  const root = Array.from({ length: 49 }, () => random.normal());
  const a = Float64Array.from({ length: 49 }, (_, k) => {
    const [i, j] = [Math.floor(k / 7), k % 7];
    return root.reduce((sum, _, m) => m < 7 ? sum + root[i * 7 + m] * root[j * 7 + m] : sum, i === j ? 0.1 : 0);
  });
  const wanted = Float64Array.from({ length: 14 }, () => random.normal());
  const b = Float64Array.from({ length: 14 }, (_, k) => {
    const [i, c] = [Math.floor(k / 2), k % 2];
    return Array.from({ length: 7 }, (_, j) => a[i * 7 + j] * wanted[j * 2 + c]).reduce((sum, v) => sum + v);
  });
  assertClose(await solveSpd(a.slice(), 7, b, noPause), wanted, 1e-10);
  await assert.rejects(() => solveSpd(Float64Array.of(1, 2, 2, 1), 2, Float64Array.of(1, 1), noPause), RangeError);
});

Deno.test("ridge regression with a tiny penalty is least squares, with a huge one the mean", async () => {
  const data = pairs(200, 1, ([a, b, c]) => [3 + a - 2 * c, 5 * b], 0);
  const [exact, flat] = await fitRidge(data.input_NI, data.target_NO, 200, [1e-9, 1e12], noPause);
  assertClose(exact.weights_IO, [1, 0, 0, 5, -2, 0], 1e-5);
  assertClose(predictLinear(exact, Float32Array.of(0, 0, 0)), [3, 0], 1e-5);
  assertClose(predictLinear(flat, Float32Array.of(5, 5, 5)), columnMeans(data.target_NO, 200), 1e-5);
});

Deno.test("with more inputs than samples ridge gives what solving the inputs' equations gives", async () => {
  const random = createRandom(9);
  const [count, inputs] = [12, 401];
  const input = Float32Array.from({ length: count * inputs }, () => random.normal());
  const target = Float32Array.from({ length: count }, () => random.normal());
  const [model] = await fitRidge(input, target, count, [0.5], noPause);
  // The weights w of min |X w - t|^2 + p |w|^2 satisfy X^T (t - X w) = p w.
  const rest = predictLinear(model, input).map((p, n) => target[n] - p);
  const means = columnMeans(input, count);
  let trace = 0;
  for (let k = 0; k < input.length; k++) trace += (input[k] - means[k % inputs]) ** 2;
  const gradient = Float64Array.from(
    { length: inputs },
    (_, i) => rest.reduce((sum, r, n) => sum + r * (input[n * inputs + i] - means[i]), 0),
  );
  assertClose(gradient, model.weights_IO.map((w) => 0.5 * trace / inputs * w), 1e-5);
});

Deno.test("on a linear relation ridge wins, on a nonlinear one the kernel does", async () => {
  const linear = ([a, b, c]: number[]) => [a + b - c, 2 * c];
  const bent = ([a, b, c]: number[]) => [Math.sin(2 * a) + b * b, a * c];
  for (const [rule, best] of [[linear, "ridge"], [bent, "kernelRidge"]] as const) {
    const [train, test] = [pairs(400, 3, rule), pairs(80, 4, rule)];
    const predictions = await predictBaselines(train, test, options);
    const losses = Object.entries(predictions).map(([name, output]) => [name, mse(output, test.target_NO)] as const);
    const winner = losses.reduce((least, entry) => entry[1] < least[1] ? entry : least);
    assertEquals(winner[0], best, JSON.stringify(losses));
  }
});

Deno.test("the mean is the training mean, the nearest the target of the nearest training input", async () => {
  const train = pairs(40, 5, ([a]) => [a, -a], 0);
  const test = { ...pairs(3, 6, ([a]) => [a, a]), input_NI: train.input_NI.slice(30, 39).map((x) => x + 1e-4) };
  const { mean, nearest } = await predictBaselines(train, test, options);
  assertClose(mean.slice(2, 4), columnMeans(train.target_NO, 40), 1e-6);
  assertEquals([...nearest], [...train.target_NO.slice(20, 26)]);
});

Deno.test("constant inputs and targets are predicted, not divided by", async () => {
  const constant = (count: number): PairSet => ({
    pixels: Int32Array.from({ length: count }, (_, n) => n),
    input_NI: new Float32Array(3 * count),
    target_NO: new Float32Array(2 * count).fill(4),
  });
  const predictions = await predictBaselines(constant(40), constant(5), options);
  for (const output of Object.values(predictions)) assertClose(output, new Float32Array(10).fill(4), 1e-6);
});

Deno.test("on threads the baselines are the same, bit by bit, however many there are", async () => {
  const bent = ([a, b, c]: number[]) => [Math.sin(2 * a) + b * b, a * c];
  const signal = new AbortController().signal;
  for (const count of [300, 600]) { // the smaller set is fitted without a thread
    const [train, test] = [pairs(count, 3, bent), pairs(50, 4, bent)];
    const wanted = await predictBaselines(train, test, { ...options, seed: 7 });
    const ridge = await chosenRidge(train, options);
    for (const threads of [1, 3]) {
      const { cols, window } = options;
      const fitting = new BaselineThreads(train, test, { cols, window, seed: 7, ridge, threads, signal });
      fitting.begin();
      assertEquals(await fitting.predictions(), wanted, `${count} pixels, ${threads} threads`);
    }
  }
});

Deno.test("baselines that are cancelled or stopped end at once", async () => {
  const [train, test] = [pairs(3000, 3, ([a]) => [a]), pairs(500, 4, ([a]) => [a])];
  const ridge = await chosenRidge(train, options);
  const { cols, window } = options;
  for (const how of ["cancel", "stop"]) {
    const cancel = new AbortController();
    const fitting = new BaselineThreads(train, test, {
      cols,
      window,
      seed: 7,
      ridge,
      threads: 2,
      signal: cancel.signal,
    });
    const predictions = fitting.predictions();
    if (how === "cancel") cancel.abort();
    else fitting.stop();
    await assertFailsWith("cancelled", () => predictions);
    fitting.stop();
  }
});

Deno.test("folds score every pixel once, at a distance from what they are fitted to", () => {
  const pixels = Int32Array.from({ length: 10 * 30 }, (_, i) => i);
  const folds = spatialFolds(pixels, 30, 4, 4);
  assertEquals(folds.flatMap((fold) => [...fold.score]).sort((a, b) => a - b), [...pixels]);
  for (const { fit, score } of folds) {
    const columns = (list: Int32Array) => new Set([...list].map((n) => n % 30));
    for (const a of columns(fit)) for (const b of columns(score)) assert.ok(Math.abs(a - b) >= 4, `${a}, ${b}`);
    assert.ok(fit.length >= 100);
  }
});
