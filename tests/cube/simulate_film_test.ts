import { demoCube } from "../../lib/cube/demo_cube.ts";
import { failedPixels } from "../../lib/cube/failed_pixels.ts";
import { coerciveBiases, filmResponse, triangularSweep } from "../../lib/cube/film_loops.ts";
import { imageSide } from "../../lib/cube/image_side.ts";
import { nearestStep } from "../../lib/cube/nearest_step.ts";
import { repairMap } from "../../lib/cube/repair.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";

Deno.test("the same seed gives the same film, another seed another one", () => {
  const small = { rows: 12, cols: 14, points: 16 };
  const values = (seed: number) => [...simulateFilm({ ...small, seed }).cube.readMap(3)];
  assertEquals(values(3), values(3));
  assert.notDeepEqual(values(3), values(4));
});

Deno.test("the demo film has both domains, walls on both sides and a sweep that meets both ends", () => {
  const { cube, truth } = demoCube();
  assertEquals(cube.shape, [60, 60, 64]);
  const shareOfA = truth.domain_HW.reduce((sum, d) => sum + d, 0) / 3600;
  assert.ok(shareOfA > 0.3 && shareOfA < 0.6, `${shareOfA}`);
  assertEquals([Math.max(...cube.axes.spectral.values), Math.min(...cube.axes.spectral.values)], [8, -8]);
  assertEquals([cube.axes.spectral.values[0], cube.axes.spectral.values[16]], [0, 8]);
});

Deno.test("imprint grows towards a wall and has the sign of its side", () => {
  const { truth } = demoCube();
  for (let i = 0; i < 3600; i++) {
    assert.equal(Math.sign(truth.imprint_V_HW[i]), truth.wallSide_HW[i]);
    const wanted = 1.2 * Math.exp(-Math.abs(truth.wallDistance_HW[i]) / 2.5);
    assertClose([Math.abs(truth.imprint_V_HW[i])], [wanted], 1e-5);
    assert.equal(truth.domain_HW[i], truth.wallDistance_HW[i] > 0 ? 0 : 1);
  }
});

Deno.test("c loops are open and square, a loops constricted nooses whose branches cross", () => {
  const c = { domain: "c", imprint_V: 0.5, coercive_V: 3, saturation: 1 } as const;
  const a = { domain: "a", imprint_V: -0.5, coercive_V: 4, saturation: 1 } as const;
  const opening = (pixel: typeof c | typeof a, bias: number) =>
    filmResponse(pixel, bias, false) - filmResponse(pixel, bias, true);
  assert.ok(opening(c, 0.5) > 1.9);
  assert.ok(opening(a, -0.5) < 0, "the middle of a noose is inverted");
  assert.ok(opening(a, 3.5) > 0.5 && opening(a, -4.5) > 0.5, "its ends are open");
  assertEquals(coerciveBiases(c), { rising_V: 3.5, falling_V: -2.5 });
  for (const pixel of [a, c]) {
    const { rising_V, falling_V } = coerciveBiases(pixel);
    assertClose([filmResponse(pixel, rising_V, true), filmResponse(pixel, falling_V, false)], [0, 0], 1e-9);
  }
});

Deno.test("a sweep rises, falls and rises again", () => {
  const { biases_V, rising } = triangularSweep(8, 4);
  assertEquals(biases_V, [0, 2, 4, 2, 0, -2, -4, -2]);
  assertEquals(rising, [true, true, true, false, false, false, false, true]);
});

Deno.test("repair finds every planted failed pixel and brings the film back", () => {
  const options = { rows: 40, cols: 40, points: 32, seed: 9 };
  const { cube: clean } = simulateFilm(options);
  const { cube, truth } = simulateFilm({ ...options, failedPixels: 25 });
  const repaired_HW = new Int32Array(1600);
  let worst = 0;
  for (let s = 0; s < 32; s++) {
    const { values_HW, mask_HW } = repairMap(cube.readMap(s), 40, 40);
    const wanted_HW = clean.readMap(s);
    mask_HW.forEach((m, i) => repaired_HW[i] += m);
    values_HW.forEach((v, i) => worst = Math.max(worst, Math.abs(v - wanted_HW[i])));
  }
  assertEquals(failedPixels(repaired_HW, 32), [...truth.failed_HW.keys()].filter((i) => truth.failed_HW[i]));
  // Saturation is 50: a wrong neighbour's domain at most, never the failure's thousands.
  assert.ok(worst < 130, `${worst}`);
});

Deno.test("anomalies change switching where the truth says so and nowhere else", () => {
  const options = { rows: 30, cols: 30, points: 16, noise: 0, seed: 5 };
  const plain = simulateFilm(options).cube;
  const { cube, truth } = simulateFilm({ ...options, anomalies: 4 });
  let changed = 0;
  for (let i = 0; i < 900; i++) {
    const [row, col] = [Math.floor(i / 30), i % 30];
    const same = cube.readSpectrum(row, col).every((v, s) => v === plain.readSpectrum(row, col)[s]);
    assert.equal(same, truth.anomaly_HW[i] === 0);
    changed += same ? 0 : 1;
  }
  assert.ok(changed >= 4 * 6 && changed <= 4 * 13, `${changed}`);
});

Deno.test("the image side is the map nearest to a bias, or a named channel", async () => {
  const { cube } = simulateFilm({ rows: 10, cols: 10, points: 16 });
  assertEquals([nearestStep([0, 1, 2, 1, 0], 1.2), nearestStep([0, 1, 2, 1, 0], 1.2, "last")], [1, 3]);
  assertEquals([...imageSide(cube, {}).image_HW], [...cube.readMap(0)]);
  assertEquals(imageSide(cube, { imageAt: 7.9 }).index, 4);
  assertEquals([...imageSide(cube, { map: "topography" }).image_HW], [...cube.readImage("topography")!.values_HW]);
  const error = await assertFailsWith("map_not_there", () => imageSide(cube, { map: "haadf" }));
  assert.match(error.message, /haadf.*topography/);
});
