import { BoundedMinimiser, type Minimum } from "./levenberg_marquardt.ts";
import { loopBranches } from "./loop_branches.ts";
import { BRANCH_PARAMETERS, LOOP_FIT_NAMES, type SweepOrder, transition } from "./loop_model.ts";
import { LoopProblem } from "./loop_problem.ts";
import { LoopStarts } from "./loop_starts.ts";

export interface LoopFitOptions {
  /** Starting points tried, from the data; default 8. */
  starts?: number;
  /** `huber` gives residuals beyond 1.345 robust deviations a weight that falls with their size; default squares. */
  loss?: "squares" | "huber";
}

export interface LoopFit {
  /** a0 a1 a2 a3 a4 b0 b1 b2 b3 of `loop_model.ts`. */
  parameters: Float64Array;
  /** From the inverse of J^T J times the residual variance; NaN for a parameter at its bound or not determined. */
  standardErrors: Float64Array;
  /** Sum of squared residuals (unweighted). */
  sse: number;
  r2: number;
  aic: number;
  bic: number;
  /** The same criteria for a straight line: smaller is better. */
  aicLine: number;
  bicLine: number;
  /**
   * Bias at which the fitted rising (positive) and falling (negative) branch passes the level half way between the
   * curve's two ends, as `loopParameters` has it of the measured loop.
   */
  coercivePositive: number;
  coerciveNegative: number;
  /** Middle between the biases at which the two branches are half way through their own change of y. */
  imprint: number;
  /**
   * Bias at which the rising (positive) and the falling (negative) branch have gone through 3 % of their own change of
   * y between the ends of the sweep: where switching begins. BGlib has two definitions; this is ours.
   */
  nucleationPositive: number;
  nucleationNegative: number;
  converged: boolean;
}

/** A start ends where two steps in a row gain less than the tolerance (relative), or when its steps are used up. */
const LIMITS = { maxSteps: 150, tolerance: 1e-5 };
const NUCLEATION = 0.03, P = LOOP_FIT_NAMES.length;

/**
 * Fits nine-parameter loops over one voltage sequence; made once for a cube, since starts and workspaces are shared.
 * The constructor throws `no_loop` where the axis does not return. Several cycles are fitted as one loop.
 */
export class LoopFitter {
  /** Number of values of one loop. */
  readonly points: number;
  private readonly order: Int32Array;
  private readonly sweep: SweepOrder;
  private readonly starts: LoopStarts;
  private readonly problem: LoopProblem;
  private readonly minimiser: BoundedMinimiser;
  private readonly startCount: number;

  constructor(voltage_S: ArrayLike<number>, private readonly options: LoopFitOptions = {}) {
    const cycles = loopBranches(voltage_S);
    const falling = cycles.flatMap((cycle) => [...cycle.falling]),
      rising = cycles.flatMap((cycle) => [...cycle.rising]);
    this.points = voltage_S.length;
    this.order = Int32Array.of(...falling, ...rising);
    this.sweep = { voltage_V: Float64Array.from(this.order, (i) => voltage_S[i]), fallingCount: falling.length };
    this.starts = new LoopStarts(this.sweep);
    this.problem = new LoopProblem(this.sweep);
    this.minimiser = new BoundedMinimiser(this.problem);
    this.startCount = options.starts ?? 8;
  }

  /** Fits the loop that begins at `offset` of `values`; undefined for a loop with a NaN or without any variation. */
  fit(values: ArrayLike<number>, offset = 0): LoopFit | undefined {
    const { problem, minimiser, order } = this;
    const data = problem.data_N;
    let finite = true;
    for (let i = 0; i < order.length; i++) {
      data[i] = values[offset + order[i]];
      finite &&= Number.isFinite(data[i]);
    }
    if (!finite || !problem.setBounds()) return undefined;
    const runs = this.starts.find(data, this.startCount).map((start) => minimiser.minimise(start, LIMITS));
    const best = runs.reduce((a, b) => b.cost < a.cost ? b : a);
    return this.describe(this.options.loss === "huber" ? this.robust(best) : best);
  }

  /** Reweighted least squares from the plain solution: the scale is the median of the residuals' sizes. */
  private robust(from: Minimum): Minimum {
    let best = from;
    for (let turn = 0; turn < 10; turn++) {
      this.problem.reweight(best.parameters);
      best = this.minimiser.minimise(best.parameters, { maxSteps: 20, tolerance: 1e-6 });
    }
    return best;
  }

  private describe({ parameters, converged }: Minimum): LoopFit {
    const { problem, sweep } = this;
    const data = problem.data_N, n = data.length;
    const { sse, standardErrors } = problem.uncertainty(parameters);
    problem.clearWeights();
    const line = lineSse(sweep.voltage_V, data);
    const mean = data.reduce((a, b) => a + b) / n;
    const total = data.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    // One parameter more than the curve has: the variance of the residuals.
    const aic = (squares: number, k: number) => n * Math.log(squares / n) + 2 * (k + 1);
    const bic = (squares: number, k: number) => n * Math.log(squares / n) + Math.log(n) * (k + 1);
    return {
      parameters,
      standardErrors,
      sse,
      r2: 1 - sse / total,
      aic: aic(sse, P),
      bic: bic(sse, P),
      aicLine: aic(line, 2),
      bicLine: bic(line, 2),
      coercivePositive: this.coercive(parameters, "rising"),
      coerciveNegative: this.coercive(parameters, "falling"),
      imprint: (this.biasAt(parameters, "rising", 0.5) + this.biasAt(parameters, "falling", 0.5)) / 2,
      nucleationPositive: this.biasAt(parameters, "rising", NUCLEATION),
      nucleationNegative: this.biasAt(parameters, "falling", 1 - NUCLEATION),
      converged,
    };
  }

  private coercive(parameters: Float64Array, branch: "rising" | "falling"): number {
    const [low, high] = this.ends;
    const value = (v: number, of: "rising" | "falling") => parameters[1] * yOf(parameters, of, v) + parameters[4] * v;
    const middle = (value(low, "rising") + value(low, "falling") + value(high, "rising") + value(high, "falling")) / 4;
    const sign = Math.sign(value(high, branch) - middle);
    return bisect(low, high, (v) => sign * (value(v, branch) - middle));
  }

  /** The bias at which y of a branch has this share of its change between the ends. */
  private biasAt(parameters: Float64Array, branch: "rising" | "falling", share: number): number {
    const [low, high] = this.ends;
    const bottom = yOf(parameters, branch, low), top = yOf(parameters, branch, high);
    return bisect(low, high, (v) => yOf(parameters, branch, v) - bottom - share * (top - bottom));
  }

  private get ends(): [low_V: number, high_V: number] {
    return [Math.min(...this.sweep.voltage_V), Math.max(...this.sweep.voltage_V)];
  }
}

function yOf(parameters: Float64Array, branch: "rising" | "falling", v: number): number {
  const [c, p, q] = BRANCH_PARAMETERS[branch];
  return transition(v, parameters[c], parameters[p], parameters[q]);
}

/** Where a function that is negative below and positive above passes zero. */
function bisect(low: number, high: number, f: (x: number) => number): number {
  for (let turn = 0; turn < 40; turn++) {
    const middle = (low + high) / 2;
    if (f(middle) < 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Sum of squared residuals of the best straight line. */
function lineSse(x: Float64Array, y: Float64Array): number {
  const n = x.length;
  const meanX = x.reduce((a, b) => a + b) / n, meanY = y.reduce((a, b) => a + b) / n;
  let xx = 0, xy = 0, yy = 0;
  for (let i = 0; i < n; i++) {
    xx += (x[i] - meanX) ** 2;
    xy += (x[i] - meanX) * (y[i] - meanY);
    yy += (y[i] - meanY) ** 2;
  }
  return Math.max(yy - xy * xy / xx, 0);
}
