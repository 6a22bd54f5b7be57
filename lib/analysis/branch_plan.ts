import { loopBranches } from "./loop_branches.ts";

/** A point on a branch between the samples `from` and `to`: value = y[from] + fraction * (y[to] - y[from]). */
export interface Interpolation {
  from: number;
  to: number;
  fraction: number;
}

/** Where both branches of one cycle pass the same voltages; computed once for all pixels of a cube. */
export interface BranchPlan {
  /** Samples in order of the sweep, falling then rising. */
  sequence: Int32Array;
  /** Samples of each branch with the turning point that ends it. */
  falling: Int32Array;
  rising: Int32Array;
  /** Every voltage met on either branch that both pass, ascending. */
  grid_V: Float64Array;
  fallingAt: Interpolation[];
  risingAt: Interpolation[];
  /** Each branch at zero volts; undefined where the sweep does not pass zero. */
  fallingAtZero?: Interpolation;
  risingAtZero?: Interpolation;
}

/** One plan for each cycle of the sequence; throws `no_loop` as `loopBranches` does. */
export function branchPlans(voltage: ArrayLike<number>): BranchPlan[] {
  return loopBranches(voltage).map(({ falling, rising }, k, cycles) => {
    const nextFalling = cycles[(k + 1) % cycles.length].falling;
    const closedFalling = Int32Array.of(...falling, rising[0]);
    const closedRising = Int32Array.of(...rising, nextFalling[0]);
    const grid_V = commonGrid(voltage, closedFalling, closedRising);
    return {
      sequence: Int32Array.of(...falling, ...rising),
      falling: closedFalling,
      rising: closedRising,
      grid_V,
      fallingAt: Array.from(grid_V, (v) => interpolationAt(voltage, closedFalling, v)!),
      risingAt: Array.from(grid_V, (v) => interpolationAt(voltage, closedRising, v)!),
      fallingAtZero: interpolationAt(voltage, closedFalling, 0),
      risingAtZero: interpolationAt(voltage, closedRising, 0),
    };
  });
}

function commonGrid(voltage: ArrayLike<number>, falling: Int32Array, rising: Int32Array): Float64Array {
  const valuesOf = (branch: Int32Array) => Array.from(branch, (i) => voltage[i]);
  const a = valuesOf(falling), b = valuesOf(rising);
  const low = Math.max(Math.min(...a), Math.min(...b)), high = Math.min(Math.max(...a), Math.max(...b));
  const all = [...a, ...b].filter((v) => v >= low && v <= high).sort((x, y) => x - y);
  const tolerance = 1e-9 * (high - low);
  return Float64Array.from(all.filter((v, i) => i === 0 || v - all[i - 1] > tolerance));
}

/** The first place where the branch passes this voltage. */
function interpolationAt(voltage: ArrayLike<number>, branch: Int32Array, wanted: number): Interpolation | undefined {
  for (let i = 0; i + 1 < branch.length; i++) {
    const from = voltage[branch[i]], to = voltage[branch[i + 1]];
    if ((from - wanted) * (to - wanted) > 0) continue;
    return { from: branch[i], to: branch[i + 1], fraction: to === from ? 0 : (wanted - from) / (to - from) };
  }
  return undefined;
}
