import { isNdArray, type NdArray, type ResultTree } from "../../lib/base/nd_array.ts";
import { createRandom } from "../../lib/base/random.ts";
import { LOOP_PARAMETERS } from "../../lib/analysis/loop_parameters.ts";
import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import type { CubeReader } from "../../lib/cube/cube.ts";
import { RESULT_TASKS } from "../../lib/jobs/results/result_tasks.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { cubeInput } from "./support/applied_film.ts";

async function compute(
  name: string,
  cube: CubeReader,
  parameters: Record<string, unknown>,
  imaginary?: CubeReader,
): Promise<Record<string, ResultTree>> {
  return await RESULT_TASKS[name]({ ...cubeInput(cube, parameters), imaginary }) as Record<string, ResultTree>;
}

function array(value: ResultTree, shape: number[]): NdArray {
  assert.ok(isNdArray(value), `met ${JSON.stringify(value)}`);
  assertEquals([...value.shape], shape);
  return value;
}

/** Part of the scan range within which a fit must find a coercive bias or an imprint, at 5 % noise. */
const BIAS_TOLERANCE = 0.02;

Deno.test("fits of simulated loops find coercive biases and imprint within 2 % of the scan range at 5 % noise", async () => {
  const { cube, truth } = simulateFilm({ rows: 20, cols: 20, points: 64, seed: 5, noise: 0.05 });
  const tree = await compute("loops", cube, { fit: true });
  const fit = tree.fit as Record<string, ResultTree>;
  const range_V = 16;
  const errorOf = (map: ResultTree, wanted: Float32Array) => {
    // The nine parameters describe open loops; a noose (an a domain) crosses and has no single switching bias.
    const errors = Array.from(
      array(map, [20, 20]).data,
      (value, i) => truth.domain_HW[i] === 0 ? Math.abs(value - wanted[i]) : NaN,
    );
    const sorted = errors.filter(Number.isFinite).sort((a, b) => a - b);
    assert.ok(sorted.length > 100);
    return sorted[Math.floor(0.95 * sorted.length)] / range_V;
  };
  assertClose(
    [
      errorOf(fit.coercivePositive, truth.coerciveRising_V_HW),
      errorOf(fit.coerciveNegative, truth.coerciveFalling_V_HW),
      errorOf(fit.imprint, truth.imprint_V_HW),
    ],
    [0, 0, 0],
    BIAS_TOLERANCE,
    "95 of 100 pixels",
  );
  for (const name of LOOP_PARAMETERS) array(tree[name], [20, 20]);
  assertEquals((tree.units as Record<string, string>).saturationSlope, "pm/V");
});

Deno.test("without a fit the interpolated biases tell a from c: nooses cross, loops do not", async () => {
  const { cube, truth } = simulateFilm({ rows: 16, cols: 24, points: 64, seed: 2, noise: 0.02 });
  const { crossings, noose, fit } = await compute("loops", cube, { fit: false });
  assertEquals(fit, undefined);
  const meanOver = (map: ResultTree, domain: number) => {
    const chosen = Array.from(array(map, [16, 24]).data).filter((_, i) => truth.domain_HW[i] === domain);
    return chosen.reduce((a, b) => a + b) / chosen.length;
  };
  assert.ok(meanOver(crossings, 1) > meanOver(crossings, 0) + 0.5);
  assert.ok(meanOver(noose, 1) > meanOver(noose, 0));
});

/** Five spectra with one peak each, mixed: an axis that goes one way only. */
function spectraCube(): CubeReader {
  const [rows, cols, points] = [12, 14, 30];
  const random = createRandom(1);
  const values_HWS = Float32Array.from({ length: rows * cols * points }, (_, i) => {
    const s = i % points, pixel = Math.floor(i / points), row = Math.floor(pixel / cols), col = pixel % cols;
    return row * Math.exp(-((s - 8) ** 2) / 6) + col * Math.exp(-((s - 20) ** 2) / 6) + 0.05 * random.normal();
  });
  const axis = { name: "Energy", unit: "keV", values: Array.from({ length: points }, (_, s) => s / 10) };
  return createMemoryCube({ shape: [rows, cols, points], values_HWS, axes: { spectral: axis }, unit: "counts" });
}

Deno.test("a cube that is no loop is told so in clear words, and gets components and factors", async () => {
  const cube = spectraCube();
  const error = await assertFailsWith("no_loop", () => compute("loops", cube, { fit: true }));
  assert.match(error.message, /Energy goes one way only .*no coercive bias.*pca, nmf/);
  const pca = await compute("pca", cube, { components: 3 });
  const ratio = array(pca.explainedVarianceRatio, [3]).data;
  assert.ok(ratio[0] + ratio[1] > 0.99);
  assertEquals((pca.scree as Record<string, ResultTree>).componentsAboveNoise, 2);
  array(pca.components, [3, 30]);
  const maps = array(pca.maps, [3, 12, 14]).data, mean = array(pca.mean, [30]).data;
  // Mean plus scores times components is the spectrum again.
  const spectrum = cube.readSpectrum(5, 9), components = (pca.components as NdArray).data;
  const rebuilt = spectrum.map((_, s) =>
    mean[s] + [0, 1, 2].reduce((sum, k) => sum + maps[k * 168 + 5 * 14 + 9] * components[k * 30 + s], 0)
  );
  assertClose(rebuilt, spectrum, 0.25);
  const nmf = await compute("nmf", cube, { components: 2, seed: 1 });
  assert.ok((nmf.relativeResidual as number) < 0.05);
  array(nmf.maps, [2, 12, 14]);
});

Deno.test("patches: a mixture and density clusters tell the film's stripes apart", async () => {
  const { cube } = simulateFilm({ rows: 24, cols: 40, points: 16, seed: 3, noise: 0.02 });
  const gmm = await compute("patchGmm", cube, { window: 4, components: 3, seed: 1, map: "topography" });
  const labels = array(gmm.labels, [24, 40]).data;
  assertEquals(new Set(Array.from(labels).filter(Number.isFinite)), new Set([0, 1, 2]));
  assert.ok(Number.isNaN(labels[0]) && Number.isFinite(labels[2 * 40 + 2]));
  array(gmm.patches, [3, 4, 4]);
  array(gmm.bic, [10]);
  const again = await compute("patchGmm", cube, { window: 4, components: 3, seed: 1, map: "topography" });
  assertEquals(again, gmm);
  const clusters = await compute("dbscan", cube, { window: 4, minPoints: 8, at: 0 });
  assert.ok((clusters.clusters as number) >= 1 && (clusters.radius as number) > 0);
  array(clusters.labels, [24, 40]);
  array(clusters.kDistances, [21 * 37]);
});

Deno.test("patches: an odd window, one larger than the map and an unknown channel are refused", async () => {
  const { cube } = simulateFilm({ rows: 12, cols: 12, points: 8, seed: 3 });
  const options = { components: 2, seed: 1 };
  await assertFailsWith("window_odd", () => compute("patchGmm", cube, { window: 5, ...options }));
  await assertFailsWith("window_too_large", () => compute("patchGmm", cube, { window: 14, ...options }));
  await assertFailsWith("map_not_there", () => compute("patchGmm", cube, { window: 4, ...options, map: "HAADF" }));
  await assertFailsWith("constant_data", () => compute("patchGmm", cube, { window: 12, ...options }));
});

Deno.test("more components than there are, and a constant cube, are refused", async () => {
  const constant = createMemoryCube({ shape: [4, 4, 8], values_HWS: new Float32Array(128).fill(3) });
  await assertFailsWith("too_few_spectra", () => compute("pca", constant, { components: 9 }));
  await assertFailsWith("constant_data", () => compute("pca", constant, { components: 2 }));
  await assertFailsWith("constant_data", () => compute("nmf", constant, { components: 2, seed: 1 }));
});

/** A row of resonances over 40 frequencies, real and imaginary part. */
function resonances() {
  const frequency = Array.from({ length: 40 }, (_, s) => 300 + 2 * s);
  const parts = [new Float32Array(3 * 40), new Float32Array(3 * 40)];
  for (let i = 0; i < 120; i++) {
    const f = frequency[i % 40], f0 = 330 + 5 * Math.floor(i / 40), re = f * f - f0 * f0, im = -f * f0 / 50;
    parts[0][i] = 2 * f0 * f0 * re / (re * re + im * im);
    parts[1][i] = -2 * f0 * f0 * im / (re * re + im * im);
  }
  const spectral = { name: "Frequency", unit: "kHz", values: frequency };
  return parts.map((values_HWS) => createMemoryCube({ shape: [1, 3, 40], values_HWS, axes: { spectral }, unit: "pm" }));
}

Deno.test("oscillators: maps of resonance, Q and amplitude from the two parts of the response", async () => {
  const [real, imaginary] = resonances();
  const tree = await compute("sho", real, {}, imaginary);
  assertClose(array(tree.resonance, [1, 3]).data, [330, 335, 340], 1e-3);
  assertClose(array(tree.qualityFactor, [1, 3]).data, [50, 50, 50], 1e-2);
  assertClose(array(tree.amplitude, [1, 3]).data, [2, 2, 2], 1e-3);
  await assertFailsWith("no_complex_response", () => compute("sho", real, {}));
  await assertFailsWith("shape_mismatch", () => compute("sho", real, {}, spectraCube()));
});
