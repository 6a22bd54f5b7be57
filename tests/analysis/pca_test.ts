import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";
import { createRandom } from "../../lib/base/random.ts";
import { noiseFloor } from "../../lib/analysis/noise_floor.ts";
import { pca, pcaScores } from "../../lib/analysis/pca.ts";
import { sourceOf } from "../../lib/analysis/spectra_source.ts";
import { BFO_IV, readDataset, readGolden } from "./golden.ts";

const VARIANCE_TOLERANCE = 1e-6, COMPONENT_TOLERANCE = 1e-5;

testWithShared("components and variances of real spectra are scikit-learn's", async (shared) => {
  const golden = readGolden(shared).pca;
  const spectra = await readDataset(shared, ...BFO_IV);
  const met = pca(sourceOf(spectra, 53), { components: 10 });
  assertClose(met.explainedVarianceRatio_K, golden.explained_variance_ratio, VARIANCE_TOLERANCE, "ratio");
  assertClose(met.mean_S, golden.mean, 1e-7, "mean");
  assertClose(met.components_KS.subarray(0, 4 * 53), golden.components.flat(), COMPONENT_TOLERANCE, "components");
  const scores = pcaScores(spectra.subarray(0, 5 * 53), { ...met, components_KS: met.components_KS.slice(0, 4 * 53) });
  assertClose(scores, golden.scores.flat(), COMPONENT_TOLERANCE, "scores");
});

/** N spectra on three smooth components of falling strength, with noise and a background a million times larger. */
function spectraOfThree(count: number, points: number, noise: number): Float64Array {
  const random = createRandom(4);
  const spectra = new Float64Array(count * points);
  for (let n = 0; n < count; n++) {
    const [a, b, c] = [3 * random.normal(), 2 * random.normal(), random.normal()];
    for (let s = 0; s < points; s++) {
      const x = s / points;
      spectra[n * points + s] = 100 + a * Math.sin(3 * x) + b * Math.cos(7 * x) + c * Math.sin(13 * x) +
        noise * random.normal();
    }
  }
  return spectra;
}

Deno.test("blocks of any length give what one array gives", () => {
  const spectra = spectraOfThree(101, 20, 0.1);
  const whole = pca(sourceOf(spectra, 20), { components: 5 });
  const inParts = pca({
    points: 20,
    *blocks() {
      for (let at = 0; at < 101; at += 7) yield spectra.subarray(at * 20, Math.min(101, at + 7) * 20);
    },
  }, { components: 5 });
  assertEquals(inParts, whole);
});

for (const points of [300, 2100]) {
  Deno.test(`${points} points: subspace iteration agrees with the complete decomposition of the scores`, () => {
    const count = 60, spectra = spectraOfThree(count, points, 0.01);
    const met = pca(sourceOf(spectra, points), { components: 3 });
    const scores = pcaScores(spectra, met);
    // The scores of principal components are uncorrelated, and their variances are the eigenvalues.
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        let sum = 0;
        for (let n = 0; n < count; n++) sum += scores[3 * n + a] * scores[3 * n + b] / (count - 1);
        const wanted = a === b ? met.explainedVariance_K[a] : 0;
        assertClose([sum], [wanted], 1e-6 * met.explainedVariance_K[0], `covariance of scores ${a} and ${b}`);
      }
    }
    assert.ok(met.explainedVarianceRatio_K.reduce((a, b) => a + b) > 0.999);
  });
}

Deno.test("the noise floor finds three components where three were planted, and none in noise", () => {
  for (const [noise, wanted] of [[0.3, 3], [1.5, 3]]) {
    const fit = pca(sourceOf(spectraOfThree(500, 40, noise), 40), { components: 8 });
    assertEquals(noiseFloor(fit, { seed: 1 }).components, wanted, `noise ${noise}`);
  }
  const random = createRandom(8);
  const fit = pca(sourceOf(Float64Array.from({ length: 500 * 40 }, () => random.normal()), 40), { components: 8 });
  assertEquals(noiseFloor(fit, { seed: 1 }).components, 0);
});

Deno.test("a spectrum with a NaN is left out and has NaN scores", () => {
  const spectra = spectraOfThree(50, 10, 0.1);
  const broken = Float64Array.of(...spectra, ...new Float64Array(10).fill(1));
  broken[505] = NaN;
  const met = pca(sourceOf(broken, 10), { components: 3 });
  assertEquals(met.count, 50);
  assertClose(met.components_KS, pca(sourceOf(spectra, 10), { components: 3 }).components_KS, 1e-12);
  assert.ok(pcaScores(broken, met).subarray(150).every(Number.isNaN));
});

Deno.test("more components than spectra or points, and a constant cube, are refused", async () => {
  const spectra = spectraOfThree(5, 10, 0.1);
  for (const components of [6, 0]) {
    const error = await assertFailsWith("too_few_spectra", () => pca(sourceOf(spectra, 10), { components }));
    assert.match(error.message, /1 to 5 .* received/);
  }
  await assertFailsWith("constant_data", () => pca(sourceOf(new Float64Array(80).fill(0.1), 8), { components: 2 }));
  await assertFailsWith("too_few_spectra", () => pca(sourceOf(new Float64Array(80).fill(NaN), 8), { components: 2 }));
});
