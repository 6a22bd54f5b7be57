import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { createRandom } from "../../lib/base/random.ts";
import { adjustedRand } from "../../lib/analysis/adjusted_rand.ts";
import { dbscan, kDistances, suggestRadius } from "../../lib/analysis/dbscan.ts";
import { nmf } from "../../lib/analysis/nmf.ts";
import { fitGmm } from "../../lib/analysis/gmm.ts";
import { meanPatches, patchScores } from "../../lib/analysis/patch_scores.ts";

/** A ring of 200 points around a disc of 100, with 10 far outliers; no mixture of two ellipses separates these. */
function ringAndDisc() {
  const random = createRandom(2);
  const truth = Int32Array.from({ length: 310 }, (_, n) => n < 200 ? 0 : n < 300 ? 1 : -1);
  const points = new Float64Array(620);
  truth.forEach((label, n) => {
    const angle = 2 * Math.PI * (label === 0 ? n / 200 : random.uniform());
    const radius = label === 0
      ? 5 + 0.1 * random.normal()
      : label === 1
      ? Math.sqrt(random.uniform())
      : 12 + 5 * n / 310;
    points[2 * n] = radius * Math.cos(label < 0 ? n : angle);
    points[2 * n + 1] = radius * Math.sin(label < 0 ? n : angle);
  });
  return { points, truth };
}

Deno.test("density clusters with the suggested radius find ring, disc and noise", () => {
  const { points, truth } = ringAndDisc();
  const radius = suggestRadius(kDistances(points, { size: 2, minPoints: 5 }));
  const labels = dbscan(points, { size: 2, radius, minPoints: 5 });
  assertEquals(adjustedRand(labels.slice(0, 300), truth.slice(0, 300)) > 0.95, true, `radius ${radius}`);
  assertEquals(labels.filter((label) => label === 0).length >= 195, true, "the larger cluster comes first");
  assert.ok(labels.subarray(300).every((label) => label === -1));
});

Deno.test("k-distances are those of comparing all pairs", () => {
  const { points } = ringAndDisc();
  const all = Array.from(
    { length: 310 },
    (_, a) =>
      Array.from(
        { length: 310 },
        (_, b) => Math.hypot(points[2 * a] - points[2 * b], points[2 * a + 1] - points[2 * b + 1]),
      )
        .sort((x, y) => x - y)[3],
  ).sort((x, y) => x - y);
  assertClose(kDistances(points, { size: 2, minPoints: 4 }), all, 1e-12);
});

Deno.test("clusters are the connected core points with what they reach, whatever the radius", () => {
  const { points } = ringAndDisc();
  const near = (a: number, b: number, radius: number) =>
    Math.hypot(points[2 * a] - points[2 * b], points[2 * a + 1] - points[2 * b + 1]) <= radius;
  const all = Array.from({ length: 310 }, (_, n) => n);
  for (const [radius, minPoints] of [[0.2, 4], [0.5, 8], [1.5, 30], [40, 8]]) {
    const labels = dbscan(points, { size: 2, radius, minPoints });
    const cores = all.filter((a) => all.filter((b) => near(a, b, radius)).length >= minPoints);
    assert.ok(cores.every((a) => labels[a] >= 0), "every core point has a cluster");
    const joined = cores.every((a) => cores.every((b) => !near(a, b, radius) || labels[a] === labels[b]));
    assert.ok(joined, `core points in reach of each other share a cluster at radius ${radius}`);
    for (const n of all) {
      const reached = cores.filter((a) => near(a, n, radius)).map((a) => labels[a]);
      assert.ok(labels[n] < 0 ? reached.length === 0 : reached.includes(labels[n]), `point ${n} at radius ${radius}`);
    }
  }
});

Deno.test("a radius that holds every point takes memory for the points, not for all their pairs", async () => {
  const source = new URL("../../lib/analysis/dbscan.ts", import.meta.url).href;
  const points = "Float64Array.from({ length: 8000 }, (_, i) => i / 8000)";
  const code = `import { dbscan } from "${source}";
    console.log(dbscan(${points}, { size: 1, radius: 2, minPoints: 8 }).every((label) => label === 0));`;
  const args = ["eval", "--no-check", "--v8-flags=--max-old-space-size=48", code];
  const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "null" }).output();
  assertEquals([success, new TextDecoder().decode(stdout).trim()], [true, "true"]);
});

Deno.test("duplicates have a positive radius, NaN no cluster, and bad numbers are refused", async () => {
  const same = [1, 1, 1, 1, 1, 1, 1, 1, NaN, 2];
  const radius = suggestRadius(kDistances(same, { size: 2, minPoints: 2 }));
  assert.ok(radius > 0);
  assertEquals([...dbscan(same, { size: 2, radius, minPoints: 2 })], [0, 0, 0, 0, -1]);
  await assertFailsWith("bad_radius", () => dbscan(same, { size: 2, radius: 0, minPoints: 2 }));
  await assertFailsWith("too_few_points", () => kDistances(same, { size: 2, minPoints: 4 }));
});

Deno.test("adjusted Rand index: 1 for renamed labels, near 0 for unrelated ones", () => {
  assertEquals(adjustedRand([0, 0, 1, 1, 2], [5, 5, 3, 3, 1]), 1);
  const random = createRandom(1);
  const labels = () => Int32Array.from({ length: 2000 }, () => random.integer(3));
  assertClose([adjustedRand(labels(), labels())], [0], 0.01);
  // By hand: 2 pairs are together in the first, 4 in the second, 1 in both, of 10.
  assertClose([adjustedRand([0, 0, 1, 1, 2], [0, 0, 0, 1, 1])], [(1 - 2 * 4 / 10) / (3 - 2 * 4 / 10)], 1e-12);
});

Deno.test("non-negative factors of mixed peaks are those peaks, nothing is negative, and NaN spectra stay out", () => {
  const random = createRandom(3), points = 40, count = 120;
  const peak = (s: number, centre: number) => Math.exp(-((s - centre) ** 2) / 8);
  const spectra = new Float64Array((count + 1) * points).fill(NaN);
  for (let n = 0; n < count; n++) {
    const [a, b, c] = [random.uniform(), random.uniform() ** 2, random.uniform() ** 3];
    for (let s = 0; s < points; s++) spectra[n * points + s] = a * peak(s, 8) + b * peak(s, 20) + c * peak(s, 31);
  }
  const met = nmf(spectra, points, { components: 3, seed: 1 });
  assert.ok(met.relativeResidual < 0.02, `residual ${met.relativeResidual}`);
  const centres = [0, 1, 2].map((k) => {
    const row = met.components_KS.subarray(k * points, (k + 1) * points);
    return row.indexOf(Math.max(...row));
  });
  assertEquals(centres.sort((a, b) => a - b), [8, 20, 31]);
  assert.ok(
    met.components_KS.every((value) => value >= 0) && met.weights_NK.subarray(0, 3 * count).every((w) => w >= 0),
  );
  assert.ok(met.weights_NK.subarray(3 * count).every(Number.isNaN));
  for (const n of [0, 50]) {
    for (let s = 0; s < points; s++) {
      let sum = met.offset;
      for (let k = 0; k < 3; k++) sum += met.weights_NK[3 * n + k] * met.components_KS[k * points + s];
      assertClose([sum], [spectra[n * points + s]], 0.05);
    }
  }
});

Deno.test("factors: too many components and constant data are refused", async () => {
  await assertFailsWith("too_few_spectra", () => nmf([1, 2, 3, 4], 2, { components: 3, seed: 1 }));
  await assertFailsWith("constant_data", () => nmf([1, 1, 1, 1], 2, { components: 1, seed: 1 }));
});

Deno.test("patches of two textures fall into two components with their mean patches", async () => {
  const rows = 20, cols = 30;
  const image_HW = Float64Array.from({ length: rows * cols }, (_, p) => p % cols < 15 ? 1 : -1);
  const random = createRandom(1);
  const noisy = image_HW.map((value) => value + 0.05 * random.normal());
  noisy[0] = NaN;
  const fit = patchScores({ image_HW: noisy, rows, cols, window: 4 }, 1);
  const { labels_N } = fitGmm(fit.scores_NK, fit.components, { components: 2, seed: 1 });
  assertEquals([fit.components, labels_N.length, labels_N[0]], [1, 17 * 27, -1]);
  assertEquals(new Set([labels_N[5 * 27], labels_N[5 * 27 + 26]]).size, 2);
  const patches = meanPatches(fit, labels_N, 2);
  const means = [0, 1].map((k) => patches.subarray(16 * k, 16 * (k + 1)).reduce((a, b) => a + b) / 16);
  assertClose(means.sort((a, b) => a - b), [-0.9, 0.9], 0.25);
  await assertFailsWith("window_too_large", () => patchScores({ image_HW, rows, cols, window: 21 }));
});
