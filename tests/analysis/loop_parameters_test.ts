import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";
import { isLoopAxis, loopBranches } from "../../lib/analysis/loop_branches.ts";
import { LOOP_PARAMETERS, loopParameters } from "../../lib/analysis/loop_parameters.ts";
import { PTO_BEPS, readDataset, readGolden } from "./golden.ts";
import { sweep } from "./sweep.ts";

const P = LOOP_PARAMETERS.length;

function parametersOf(loops: ArrayLike<number>, voltage: ArrayLike<number>, n = 0): Record<string, number> {
  const values = loopParameters(loops, voltage);
  return Object.fromEntries(LOOP_PARAMETERS.map((name, p) => [name, values[n * P + p]]));
}

/** A square loop that switches up at +2.25 V, down at -1.25 V, between -1 and 3, with a slope of 0.1 per volt. */
function squareLoop(voltage: ArrayLike<number>): Float64Array {
  let up = false;
  let loop = new Float64Array(voltage.length);
  for (let pass = 0; pass < 2; pass++) {
    loop = Float64Array.from(voltage, (v) => {
      if (v > 2.25) up = true;
      if (v < -1.25) up = false;
      return (up ? 3 : -1) + 0.1 * v;
    });
  }
  return loop;
}

testWithShared("area and centroid of real loops are shapely's to 1e-9", async (shared) => {
  const { voltage, loops } = readGolden(shared).loops;
  const cube = await readDataset(shared, ...PTO_BEPS); // the golden loops themselves are rounded to 9 digits
  for (const { pixel, area, centroid } of loops) {
    const met = parametersOf(cube.subarray(64 * pixel, 64 * pixel + 64).map((value) => value * 1e5), voltage);
    assertClose([met.area, met.centroidV, met.centroidR], [area, ...centroid], 1e-9 * Math.max(1, area), "loop");
  }
});

Deno.test("a square loop has the parameters it was drawn with, from any starting point and with any cycles", () => {
  for (const start of [0, 0.25, 0.6]) {
    for (const cycles of [1, 2, 3]) {
      const voltage = sweep({ max_V: 5, stepsPerCycle: 80, cycles, start });
      const met = parametersOf(squareLoop(voltage), voltage);
      assertClose([met.remanentPositive, met.remanentNegative, met.switchable], [3, -1, 4], 1e-9, "remanent");
      assertClose([met.coercivePositive, met.coerciveNegative], [2.375, -1.375], 0.13, "coercive");
      assertClose([met.imprint, met.width], [0.5, 3.75], 0.13, "imprint and width");
      assertClose([met.saturationSlope, met.opening], [0.1, 4], 1e-9, "slope and opening");
      assertEquals([met.crossings, met.noose < 1e-9], [0, true]);
      assertClose([met.area], [3.75 * 4], 0.6, "area");
    }
  }
});

Deno.test("a loop shifted along the response passes zero elsewhere than its middle, or nowhere", () => {
  const voltage = sweep({ max_V: 8, stepsPerCycle: 160, cycles: 1, start: 0 });
  const falling = loopBranches(voltage)[0].falling;
  const shifted = (offset: number) =>
    Float64Array.from(voltage, (v, i) => Math.tanh(v - (falling.includes(i) ? -1 : 2)) + offset);
  const met = parametersOf(shifted(0.5), voltage);
  assertClose([met.coercivePositive, met.coerciveNegative], [2, -1], 0.02, "middle");
  assertClose([met.zeroPositive, met.zeroNegative], [2 - Math.atanh(0.5), -1 - Math.atanh(0.5)], 0.02, "zero");
  const never = parametersOf(shifted(2), voltage);
  assert.ok(Number.isNaN(never.zeroPositive) && Number.isNaN(never.zeroNegative));
  assertClose([never.coercivePositive], [2], 0.02);
});

Deno.test("a noose loop crosses twice and its lobes cancel in the area", () => {
  const voltage = sweep({ max_V: 5, stepsPerCycle: 80, cycles: 1, start: 0.25 });
  const falling = (i: number) => i < 40;
  const loop = Float64Array.from(voltage, (v, i) => Math.tanh(v) + (falling(i) ? 1 : -1) * 0.3 * Math.cos(v * 0.9));
  const met = parametersOf(loop, voltage);
  assertEquals(met.crossings, 2);
  assert.ok(met.noose > 0.3, `noose ${met.noose}`);
});

Deno.test("a loop with a NaN is NaN and its neighbours are not", () => {
  const voltage = sweep({ max_V: 5, stepsPerCycle: 40, cycles: 1, start: 0 });
  const good = squareLoop(voltage);
  const bad = good.slice();
  bad[7] = NaN;
  const values = loopParameters(Float64Array.of(...good, ...bad, ...good), voltage);
  assert.ok(values.subarray(P, 2 * P).every(Number.isNaN));
  assertEquals(values.subarray(0, P), values.subarray(2 * P));
});

Deno.test("noise without switching has no coercive bias", () => {
  const voltage = sweep({ max_V: 5, stepsPerCycle: 80, cycles: 1, start: 0 });
  const loop = Float64Array.from(voltage, (_, i) => Math.sin(i * i * 1.7));
  const met = parametersOf(loop, voltage);
  assert.ok(Number.isNaN(met.coercivePositive) && Number.isNaN(met.imprint));
});

Deno.test("a constant loop has no area, no slope and no coercive bias", () => {
  const voltage = sweep({ max_V: 5, stepsPerCycle: 80, cycles: 1, start: 0 });
  const met = parametersOf(voltage.map(() => 2), voltage);
  assertClose([met.area, met.opening, met.saturationSlope, met.noose, met.centroidR], [0, 0, 0, 0, 2], 1e-12);
  assert.ok(Number.isNaN(met.coercivePositive) && Number.isNaN(met.zeroPositive));
});

Deno.test("remanence is not made up where the sweep does not pass zero", () => {
  const voltage = sweep({ max_V: 5, stepsPerCycle: 80, cycles: 1, start: 0 }).map((v) => v + 20);
  const met = parametersOf(voltage.map((v) => v), voltage);
  assert.ok(Number.isNaN(met.remanentPositive) && Number.isNaN(met.switchable));
});

Deno.test("branches: repeated, missing and jittering steps stay on their branch", () => {
  const voltage = [0, 1, 1, 2, 4, 5, 5, 4.5, 4.55, 3, 0, 0, -2, -5, -4, -4, -1];
  const [{ falling, rising }, ...more] = loopBranches(voltage);
  assertEquals(more, []);
  assertEquals([...falling], [5, 6, 7, 8, 9, 10, 11, 12]);
  assertEquals([...rising], [13, 14, 15, 16, 0, 1, 2, 3, 4]);
});

Deno.test("an axis that does not come back is refused as no loop", async () => {
  const line = Array.from({ length: 20 }, (_, i) => i);
  const axes = {
    rising: line,
    falling: line.toReversed(),
    sawtooth: [...line, ...line],
    constant: line.map(() => 1),
    notFinite: line.map((v) => v === 3 ? NaN : v),
    threeQuarters: [0, 1, 2, 3, 4, 3, 2, 1, 0, -1, -2, -3, -4],
    empty: [],
  };
  for (const [name, axis] of Object.entries(axes)) {
    assertEquals(isLoopAxis(axis), false, name);
    const error = await assertFailsWith("no_loop", () => loopBranches(axis));
    assert.match(error.message, /received /);
  }
});
