import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";
import { createRandom } from "../../lib/base/random.ts";
import { erf, ERF_SLOPE } from "../../lib/analysis/erf.ts";
import { FIT_QUANTITIES, fitLoops } from "../../lib/analysis/fit_loops.ts";
import { loopBranches } from "../../lib/analysis/loop_branches.ts";
import { type LoopFit, LoopFitter } from "../../lib/analysis/loop_fit.ts";
import { evaluateLoop, loopJacobian, type SweepOrder } from "../../lib/analysis/loop_model.ts";
import { readGolden } from "./golden.ts";
import { sweep } from "./sweep.ts";

const STARTS = 8, SSE_RATIO = 1.01, WANTED_OF_30 = 28;

testWithShared("real loops: at least 28 of 30 as close as the best of 60 starts, from 8 starts", (shared) => {
  const { voltage, loops } = readGolden(shared).loops;
  const fitter = new LoopFitter(voltage, { starts: STARTS });
  const ratios = loops.map(({ loop, sse }) => fitter.fit(loop)!.sse / sse);
  assert.ok(ratios.filter((ratio) => ratio <= SSE_RATIO).length >= WANTED_OF_30, ratios.join(" "));
});

testWithShared("the curve at the golden parameters leaves the golden sum of squares", (shared) => {
  const { voltage, loops } = readGolden(shared).loops;
  const { order, inOrder } = orderOf(voltage);
  const value = new Float64Array(64);
  for (const { loop, params, sse } of loops) {
    evaluateLoop(params, inOrder, value, new Float64Array(256));
    const met = order.reduce((sum, at, i) => sum + (value[i] - loop[at]) ** 2, 0);
    assertClose([met], [sse], 1e-6 * sse);
  }
});

function orderOf(voltage: ArrayLike<number>): { order: number[]; inOrder: SweepOrder } {
  const [{ falling, rising }] = loopBranches(voltage);
  const order = [...falling, ...rising];
  return { order, inOrder: { voltage_V: Float64Array.from(order, (i) => voltage[i]), fallingCount: falling.length } };
}

/** A loop with these nine parameters over a triangular sweep, as measured: from 0 V. */
function loopOf(parameters: number[], voltage: Float64Array, noise = 0, seed = 1): Float64Array {
  const { order, inOrder } = orderOf(voltage);
  const value = new Float64Array(voltage.length), random = createRandom(seed);
  evaluateLoop(parameters, inOrder, value, new Float64Array(4 * voltage.length));
  const loop = new Float64Array(voltage.length);
  order.forEach((at, i) => loop[at] = value[i] + noise * random.normal());
  return loop;
}

const VOLTAGE = sweep({ max_V: 8, stepsPerCycle: 64, cycles: 1, start: 0 });
const TRUTH = [-1, 3, -2.1, 1.4, 0.05, 0.8, 1.5, 1.1, 0.6];

Deno.test("the Jacobian is that of finite differences, also at the switching bias and with unequal widths", () => {
  const random = createRandom(2);
  const { inOrder } = orderOf(VOLTAGE);
  for (let turn = 0; turn < 50; turn++) {
    const at = TRUTH.map((value, k) => k >= 5 ? 0.2 + 5 * random.uniform() : value + random.normal());
    // Two steps of the sweep are put within the thousandth of a volt where p changes to q.
    at[2] = inOrder.voltage_V[7] + 3e-4, at[3] = inOrder.voltage_V[40] - 4e-4;
    const jacobian = loopJacobian(at, inOrder);
    for (let k = 0; k < 9; k++) {
      const step = 1e-5;
      const shifted = (sign: number) => {
        const value = new Float64Array(64);
        evaluateLoop(at.map((x, i) => i === k ? x + sign * step : x), inOrder, value, new Float64Array(256));
        return value;
      };
      const [above, below] = [shifted(1), shifted(-1)];
      const numeric = above.map((value, i) => (value - below[i]) / (2 * step));
      assertClose(numeric.map((_, i) => jacobian[9 * i + k]), numeric, 1e-7, `d/d${k}`);
    }
  }
});

Deno.test("erf in known places, odd, and its series in the fit agrees with it", () => {
  const known = [[0, 0], [0.5, 0.5204998778130465], [1, 0.8427007929497149], [2, 0.9953222650189527], [
    3.5,
    0.9999992569016276,
  ]];
  for (const [x, y] of known) assertClose([erf(x), erf(-x)], [y, -y], 2e-16);
  assertEquals([erf(7), erf(-7), Number.isNaN(erf(NaN))], [1, -1, true]);
  // With p = q = 1, c = 0, a1 = 2, a0 = -1 the falling branch of the model is erf itself, and d/dc minus its slope.
  const voltage_V = Float64Array.from({ length: 801 }, (_, i) => 7 - i / 57);
  const value = new Float64Array(801), slopes = new Float64Array(4 * 801);
  evaluateLoop([-1, 2, 0, 0, 0, 1, 1, 1, 1], { voltage_V, fallingCount: 801 }, value, slopes);
  assertClose(value, voltage_V.map(erf), 5e-16, "erf");
  assertClose(
    voltage_V.map((_, i) => -slopes[4 * i + 1]),
    voltage_V.map((v) => ERF_SLOPE * Math.exp(-v * v)),
    1e-15,
    "slope",
  );
});

function assertTruth(fit: LoopFit | undefined, tolerance: number): void {
  assert.ok(fit);
  assertClose(fit.parameters, TRUTH, tolerance, "parameters");
}

Deno.test("a loop without noise gives its parameters back, from any start of the sweep and any number of cycles", () => {
  for (const start of [0, 0.25, 0.6]) {
    for (const cycles of [1, 2]) {
      const voltage = sweep({ max_V: 8, stepsPerCycle: 64, cycles, start });
      const one = sweep({ max_V: 8, stepsPerCycle: 64, cycles: 1, start });
      const loop = loopOf(TRUTH, one);
      const fit = new LoopFitter(voltage).fit(Float64Array.of(...Array(cycles).fill([...loop]).flat()));
      assertTruth(fit, 1e-3);
      assert.ok(fit!.converged && fit!.r2 > 0.999999);
    }
  }
});

Deno.test("a loop scaled to 1e-5 is fitted as well, offset within a longer array", () => {
  const loop = loopOf(TRUTH.map((value, k) => k === 0 || k === 1 || k === 4 ? value * 1e-5 : value), VOLTAGE);
  const fit = new LoopFitter(VOLTAGE).fit(Float64Array.of(9, 9, 9, ...loop), 3)!;
  assertClose(fit.parameters.subarray(5), TRUTH.slice(5), 1e-3);
  assertClose([fit.parameters[1]], [3e-5], 1e-8);
});

Deno.test("standard errors are the scatter of repeated fits, and a loop beats a line by both criteria", () => {
  const fitter = new LoopFitter(VOLTAGE);
  const fits = Array.from({ length: 60 }, (_, seed) => fitter.fit(loopOf(TRUTH, VOLTAGE, 0.05, seed + 1))!);
  for (const k of [2, 3]) {
    const mean = fits.reduce((sum, fit) => sum + fit.parameters[k], 0) / fits.length;
    const scatter = Math.sqrt(fits.reduce((sum, fit) => sum + (fit.parameters[k] - mean) ** 2, 0) / fits.length);
    const claimed = fits.reduce((sum, fit) => sum + fit.standardErrors[k], 0) / fits.length;
    assert.ok(claimed / scatter > 0.6 && claimed / scatter < 1.7, `a${k}: claimed ${claimed}, met ${scatter}`);
  }
  assert.ok(fits.every((fit) => fit.aic < fit.aicLine && fit.bic < fit.bicLine));
});

Deno.test("noise around a line is not called a loop by BIC", () => {
  const random = createRandom(6);
  const fitter = new LoopFitter(VOLTAGE);
  for (let n = 0; n < 20; n++) {
    const fit = fitter.fit(VOLTAGE.map((v) => 0.1 * v + 0.05 * random.normal()))!;
    assert.ok(fit.bic > fit.bicLine, `${fit.bic} ${fit.bicLine}`);
  }
});

Deno.test("coercive and nucleation biases are those of the curve", () => {
  const symmetric = [0, 2, -2, 2, 0, 1, 1, 1, 1];
  const fit = new LoopFitter(VOLTAGE).fit(loopOf(symmetric, VOLTAGE))!;
  assertClose([fit.coercivePositive, fit.coerciveNegative], [2, -2], 1e-4);
  // y = (erf(V - 2) + 1) / 2 is 3 % at 1.32994 below the middle: erf(1.32994) = 0.94.
  assertClose([fit.nucleationPositive, fit.nucleationNegative], [2 - 1.3299, -2 + 1.3299], 1e-3);
});

Deno.test("the robust loss is not moved by failed points", () => {
  const loop = loopOf(TRUTH, VOLTAGE, 0.01);
  for (const at of [3, 20, 45]) loop[at] += 4;
  const biasOf = (loss: "squares" | "huber") => new LoopFitter(VOLTAGE, { loss }).fit(loop)!.parameters;
  const [robust, plain] = [biasOf("huber"), biasOf("squares")];
  assertClose([robust[2], robust[3]], [TRUTH[2], TRUTH[3]], 0.1);
  const error = (met: Float64Array) => Math.abs(met[2] - TRUTH[2]) + Math.abs(met[3] - TRUTH[3]);
  assert.ok(error(robust) < error(plain));
});

Deno.test("a loop with a NaN or without variation is NaN in the maps, its neighbours are not", () => {
  const good = loopOf(TRUTH, VOLTAGE);
  const bad = good.slice();
  bad[3] = NaN;
  const P = FIT_QUANTITIES.length;
  const loops = Float64Array.of(...good, ...bad, ...new Float64Array(64).fill(2), ...good);
  const fits = fitLoops(loops, new LoopFitter(VOLTAGE));
  assert.ok(fits.subarray(P, 3 * P).every(Number.isNaN));
  assertEquals(fits.subarray(0, P), fits.subarray(3 * P));
  assertClose(fits.subarray(0, 9), TRUTH, 1e-3);
});

Deno.test("an axis without a loop is refused", async () => {
  await assertFailsWith("no_loop", () => new LoopFitter([1, 2, 3, 4]));
});
