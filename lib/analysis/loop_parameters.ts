import { type BranchPlan, branchPlans, type Interpolation } from "./branch_plan.ts";
import { polygonOf } from "./polygon.ts";

/**
 * The parameters in the order in which they are stored. Units: V is the axis' unit, R the response's.
 *
 * - `area` (V R): |shoelace| of the closed polygon, lobes of a crossing loop cancel (shapely's `Polygon.area`).
 * - `centroidV`, `centroidR`: centroid of that polygon.
 * - `remanentPositive`, `remanentNegative` (R): R+ on the falling and R- on the rising branch at 0 V, interpolated.
 * - `switchable` (R): |R+ - R-|.
 * - `coercivePositive`, `coerciveNegative` (V): V+ where the rising and V- where the falling branch passes the level
 *   halfway between the two saturated ends, interpolated; the middle of the first and last passing.
 * - `imprint` (V): (V+ + V-) / 2. `width` (V): |V+ - V-|. `opening` (R): largest distance between the branches.
 * - `saturationSlope` (R / V): mean of the least-squares slopes over the outer fifth of the range at either end.
 * - `crossings`: how often the branches cross inside the range, beyond noise. `noose`: 0 for an open loop to 1 where
 *   lobes cancel, 1 - |integral of the gap| / integral of |gap|.
 * - `zeroPositive`, `zeroNegative` (V): where the rising and the falling branch pass zero response, interpolated, the middle of the
 *   first and last passing: the coercive biases of switching spectroscopy (Jesse, Baddorf and Kalinin, Appl. Phys. Lett.
 *   88, 062908, 2006). They differ from `coercivePositive` and `coerciveNegative` where a loop is shifted along the response.
 * - `closureGap` (R): last response minus first, where the sweep ends next to where it began.
 *
 * Several cycles are averaged. What is not defined is NaN.
 */
export const LOOP_PARAMETERS = [
  "area",
  "centroidV",
  "centroidR",
  "remanentPositive",
  "remanentNegative",
  "switchable",
  "coercivePositive",
  "coerciveNegative",
  "imprint",
  "width",
  "opening",
  "saturationSlope",
  "crossings",
  "noose",
  "zeroPositive",
  "zeroNegative",
  "closureGap",
] as const;
export type LoopParameter = typeof LOOP_PARAMETERS[number];

/**
 * The parameters of each loop of loops_NS, as N x P in the order of LOOP_PARAMETERS. A loop with a NaN gives NaN
 * throughout. Throws `no_loop` where the axis does not return on itself.
 */
export function loopParameters(loops_NS: ArrayLike<number>, voltage_S: ArrayLike<number>): Float64Array {
  const plans = branchPlans(voltage_S);
  const points = voltage_S.length, count = loops_NS.length / points;
  const parameters_NP = new Float64Array(count * LOOP_PARAMETERS.length).fill(NaN);
  const response = new Float64Array(points);
  for (let n = 0; n < count; n++) {
    let finite = true;
    for (let s = 0; s < points; s++) {
      response[s] = loops_NS[n * points + s];
      finite &&= Number.isFinite(response[s]);
    }
    if (!finite) continue;
    parameters_NP.set(averageOver(plans, voltage_S, response), n * LOOP_PARAMETERS.length);
  }
  return parameters_NP;
}

function averageOver(plans: BranchPlan[], voltage: ArrayLike<number>, response: Float64Array): number[] {
  const gap = closureGap(voltage, response);
  const all = plans.map((plan) => measureCycle(plan, voltage, response));
  const average = (p: number) => {
    const defined = all.map((one) => one[p]).filter((value) => !Number.isNaN(value));
    return defined.length ? defined.reduce((a, b) => a + b) / defined.length : NaN;
  };
  return [...all[0].map((_, p) => all.length === 1 ? all[0][p] : average(p)), gap];
}

/** All parameters but the closure gap, in order. */
function measureCycle(plan: BranchPlan, voltage: ArrayLike<number>, response: Float64Array): number[] {
  const v = Float64Array.from(plan.sequence, (i) => voltage[i]);
  const r = Float64Array.from(plan.sequence, (i) => response[i]);
  const noise = noiseOf(r);
  const polygon = polygonOf(v, r);
  const falling = Float64Array.from(plan.fallingAt, (at) => valueAt(response, at));
  const rising = Float64Array.from(plan.risingAt, (at) => valueAt(response, at));
  const plus = valueAt(response, plan.fallingAtZero), minus = valueAt(response, plan.risingAtZero);
  const ends = saturatedEnds(plan.grid_V, falling, rising);
  const switches = Math.abs(ends.high - ends.low) > 2 * noise;
  const level = switches ? (ends.high + ends.low) / 2 : NaN;
  const positive = passingOf(plan.rising, voltage, response, level);
  const negative = passingOf(plan.falling, voltage, response, level);
  const zero = switches ? 0 : NaN;
  const gap = gapOf(plan.grid_V, falling, rising, noise);
  return [
    Math.abs(polygon.signedArea),
    polygon.centroidX,
    polygon.centroidY,
    plus,
    minus,
    Math.abs(plus - minus),
    positive,
    negative,
    (positive + negative) / 2,
    Math.abs(positive - negative),
    gap.opening,
    ends.slope,
    gap.crossings,
    gap.noose,
    passingOf(plan.rising, voltage, response, zero),
    passingOf(plan.falling, voltage, response, zero),
  ];
}

function valueAt(response: ArrayLike<number>, at: Interpolation | undefined): number {
  return at ? response[at.from] + at.fraction * (response[at.to] - response[at.from]) : NaN;
}

/** Standard deviation of the noise from second differences, robust against the few steps where the loop switches. */
function noiseOf(response: Float64Array): number {
  const n = response.length;
  const bends = response.map((value, i) => Math.abs(response[(i + n - 1) % n] - 2 * value + response[(i + 1) % n]));
  return bends.sort()[n >> 1] / (0.6745 * Math.sqrt(6));
}

/** Mean response over the outer tenth of the range at either end and the slope over the outer fifth. */
function saturatedEnds(grid: Float64Array, falling: Float64Array, rising: Float64Array) {
  const low = grid[0], high = grid[grid.length - 1], range = high - low;
  const inside = (from: number, to: number) => lineThrough(grid, falling, rising, from, to);
  const upper = inside(high - 0.2 * range, high), lower = inside(low, low + 0.2 * range);
  const slopes = [upper.slope, lower.slope].filter(Number.isFinite);
  return {
    high: inside(high - 0.1 * range, high).mean,
    low: inside(low, low + 0.1 * range).mean,
    slope: slopes.length ? slopes.reduce((a, b) => a + b) / slopes.length : NaN,
  };
}

function lineThrough(grid: Float64Array, falling: Float64Array, rising: Float64Array, from: number, to: number) {
  let count = 0, sumV = 0, sumR = 0, sumVV = 0, sumVR = 0;
  for (let k = 0; k < grid.length; k++) {
    if (grid[k] < from || grid[k] > to) continue;
    const v = grid[k] - from, r = (falling[k] + rising[k]) / 2;
    count++;
    sumV += v;
    sumR += r;
    sumVV += v * v;
    sumVR += v * r;
  }
  return { mean: sumR / count, slope: (sumVR - sumV * sumR / count) / (sumVV - sumV * sumV / count) };
}

/** The voltage at which a branch passes the level: the middle of its first and its last passing. */
function passingOf(branch: Int32Array, voltage: ArrayLike<number>, response: Float64Array, level: number): number {
  let first = NaN, last = NaN;
  for (let i = 0; i + 1 < branch.length; i++) {
    const a = response[branch[i]] - level, b = response[branch[i + 1]] - level;
    if (!(a * b < 0 || (a === 0 && b !== 0))) continue;
    const from = voltage[branch[i]], to = voltage[branch[i + 1]];
    last = from + (to - from) * a / (a - b);
    if (Number.isNaN(first)) first = last;
  }
  return (first + last) / 2;
}

/** Opening, crossings and noose indicator from the gap between the branches. */
function gapOf(grid: Float64Array, falling: Float64Array, rising: Float64Array, noise: number) {
  let opening = 0, signed = 0, unsigned = 0;
  for (let k = 0; k < grid.length; k++) {
    const gap = falling[k] - rising[k];
    opening = Math.max(opening, Math.abs(gap));
    const width = (grid[Math.min(k + 1, grid.length - 1)] - grid[Math.max(k - 1, 0)]) / 2;
    signed += gap * width;
    unsigned += Math.abs(gap) * width;
  }
  const limit = Math.max(0.1 * opening, 3 * noise);
  let crossings = 0, side = 0;
  for (let k = 0; k < grid.length; k++) {
    const gap = falling[k] - rising[k];
    if (Math.abs(gap) <= limit) continue;
    if (side * gap < 0) crossings++;
    side = Math.sign(gap);
  }
  return { opening, crossings, noose: unsigned === 0 ? 0 : 1 - Math.abs(signed) / unsigned };
}

function closureGap(voltage: ArrayLike<number>, response: Float64Array): number {
  const n = voltage.length;
  const steps = Float64Array.from({ length: n - 1 }, (_, i) => Math.abs(voltage[i + 1] - voltage[i])).sort();
  return Math.abs(voltage[n - 1] - voltage[0]) <= 1.5 * steps[steps.length >> 1] ? response[n - 1] - response[0] : NaN;
}
