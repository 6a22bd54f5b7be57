import { choleskyInPlace, choleskySolve } from "./cholesky.ts";

/** Least squares with bounds: what `minimise` asks of a model. */
export interface LeastSquaresProblem {
  /** Number of parameters. */
  readonly size: number;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  /**
   * Half the sum of (weighted) squared residuals at `parameters`, with its gradient and the lower triangle of the
   * Gauss-Newton matrix J^T J into the given arrays. Must leave nothing else behind.
   */
  evaluate(parameters: Float64Array, gradient: Float64Array, normal_PP: Float64Array): number;
}

export interface Minimum {
  parameters: Float64Array;
  /** Half the sum of squares. */
  cost: number;
  steps: number;
  /** False where the steps ran out first. */
  converged: boolean;
}

/**
 * Levenberg-Marquardt with Marquardt's scaling and Nielsen's damping, inside bounds: a parameter at a bound that the
 * gradient pushes against is held there for the step, any other step is cut at the bound. One object serves many fits
 * without allocating.
 */
export class BoundedMinimiser {
  private readonly gradient: Float64Array;
  private readonly trialGradient: Float64Array;
  private readonly normal: Float64Array;
  private readonly trialNormal: Float64Array;
  private readonly factor: Float64Array;
  private readonly step: Float64Array;
  private readonly trial: Float64Array;
  private readonly held: Uint8Array;

  constructor(private readonly problem: LeastSquaresProblem) {
    const n = problem.size;
    [this.gradient, this.trialGradient, this.step, this.trial] = Array.from({ length: 4 }, () => new Float64Array(n));
    [this.normal, this.trialNormal, this.factor] = Array.from({ length: 3 }, () => new Float64Array(n * n));
    this.held = new Uint8Array(n);
  }

  /** Goes down from `start`, which is changed in place; at most `maxSteps` evaluations, until `tolerance` (relative). */
  minimise(start: Float64Array, { maxSteps, tolerance }: { maxSteps: number; tolerance: number }): Minimum {
    const { problem, gradient, normal, trialGradient, trialNormal, trial } = this;
    const n = problem.size;
    for (let i = 0; i < n; i++) start[i] = Math.min(problem.upper[i], Math.max(problem.lower[i], start[i]));
    let cost = problem.evaluate(start, gradient, normal);
    let damping = 1e-2, growth = 2, quiet = 0;
    for (let steps = 1; steps <= maxSteps; steps++) {
      const predicted = this.propose(start, damping);
      if (!(predicted > 1e-14 * cost)) return { parameters: start, cost, steps, converged: true };
      const next = problem.evaluate(trial, trialGradient, trialNormal);
      const gained = cost - next, ratio = gained / predicted;
      if (gained > 0) {
        quiet = gained < tolerance * cost ? quiet + 1 : 0;
        start.set(trial);
        gradient.set(trialGradient);
        normal.set(trialNormal);
        cost = next;
        damping = Math.max(1e-9, damping * Math.max(1 / 3, 1 - (2 * ratio - 1) ** 3));
        growth = 2;
        if (quiet === 2) return { parameters: start, cost, steps, converged: true };
      } else {
        damping *= growth;
        growth *= 2;
        if (damping > 1e12) return { parameters: start, cost, steps, converged: true };
      }
    }
    return { parameters: start, cost, steps: maxSteps, converged: false };
  }

  /** Writes the damped step's end into `trial`; returns by how much the quadratic model says the cost falls. */
  private propose(at: Float64Array, damping: number): number {
    const { problem, gradient, normal, factor, step, trial, held } = this;
    const n = problem.size;
    for (let i = 0; i < n; i++) {
      held[i] = at[i] <= problem.lower[i] && gradient[i] > 0 || at[i] >= problem.upper[i] && gradient[i] < 0 ? 1 : 0;
    }
    for (let i = 0; i < n; i++) {
      step[i] = held[i] ? 0 : -gradient[i];
      for (let j = 0; j < i; j++) factor[i * n + j] = held[i] || held[j] ? 0 : normal[i * n + j];
      const own = normal[i * n + i];
      factor[i * n + i] = held[i] ? 1 : own + damping * own + 1e-300;
    }
    if (!choleskyInPlace(factor, n)) this.steepest(damping);
    else choleskySolve(factor, step, n);
    let predicted = 0;
    for (let i = 0; i < n; i++) {
      trial[i] = Math.min(problem.upper[i], Math.max(problem.lower[i], at[i] + step[i]));
      step[i] = trial[i] - at[i];
    }
    for (let i = 0; i < n; i++) {
      predicted -= step[i] * gradient[i] + normal[i * n + i] * step[i] * step[i] / 2;
      for (let j = 0; j < i; j++) predicted -= normal[i * n + j] * step[i] * step[j];
    }
    return predicted > 0 ? predicted : this.smallDescent(at);
  }

  /** Down the gradient, each parameter by its own curvature, where the damped matrix could not be factored. */
  private steepest(damping: number): void {
    const { normal, gradient, step, held } = this, n = this.problem.size;
    for (let i = 0; i < n; i++) {
      const curvature = normal[i * n + i];
      step[i] = held[i] || !(curvature > 0) ? 0 : -gradient[i] / (curvature * (1 + damping));
    }
  }

  /** What cutting a step at the bounds left may not go down by the model; the sure fall is then the cut gradient's. */
  private smallDescent(at: Float64Array): number {
    const { gradient, normal, trial, held, problem } = this, n = problem.size;
    let fall = 0;
    for (let i = 0; i < n; i++) {
      const curvature = normal[i * n + i];
      const wanted = held[i] || !(curvature > 0) ? at[i] : at[i] - gradient[i] / (n * curvature);
      trial[i] = Math.min(problem.upper[i], Math.max(problem.lower[i], wanted));
      fall -= gradient[i] * (trial[i] - at[i]) / 2;
    }
    return fall;
  }
}
