import { type LoopFit, type LoopFitOptions, LoopFitter } from "./loop_fit.ts";
import { LOOP_FIT_NAMES } from "./loop_model.ts";

const ERROR_NAMES = LOOP_FIT_NAMES.map((name) => `${name}Error`);

/** What is kept of each fit, in order: the nine parameters, their standard errors, then the rest of `LoopFit`. */
export const FIT_QUANTITIES: readonly string[] = [
  ...LOOP_FIT_NAMES,
  ...ERROR_NAMES,
  "sse",
  "r2",
  "aic",
  "bic",
  "aicLine",
  "bicLine",
  "coercivePositive",
  "coerciveNegative",
  "imprint",
  "nucleationPositive",
  "nucleationNegative",
];

export interface FitLoopsOptions extends LoopFitOptions {
  signal?: AbortSignal;
  /** Called with the share done, 0 to 1, now and then. */
  progress?: (share: number) => void;
}

/**
 * Nine-parameter fits of all loops, N x P in the order of FIT_QUANTITIES; NaN throughout for a loop that cannot be
 * fitted. Throws `no_loop` as `loopBranches` does, and the signal's reason when it fires.
 */
export function fitLoops(
  loops_NS: ArrayLike<number>,
  voltage_S: ArrayLike<number>,
  { signal, progress, ...options }: FitLoopsOptions = {},
): Float64Array {
  const fitter = new LoopFitter(voltage_S, options);
  const count = loops_NS.length / voltage_S.length;
  const fits_NP = new Float64Array(count * FIT_QUANTITIES.length).fill(NaN);
  for (let n = 0; n < count; n++) {
    if (n % 64 === 0) {
      signal?.throwIfAborted();
      progress?.(n / count);
    }
    const fit = fitter.fit(loops_NS, n * voltage_S.length);
    if (fit) fits_NP.set(rowOf(fit), n * FIT_QUANTITIES.length);
  }
  return fits_NP;
}

function rowOf(fit: LoopFit): number[] {
  return [
    ...fit.parameters,
    ...fit.standardErrors,
    fit.sse,
    fit.r2,
    fit.aic,
    fit.bic,
    fit.aicLine,
    fit.bicLine,
    fit.coercivePositive,
    fit.coerciveNegative,
    (fit.coercivePositive + fit.coerciveNegative) / 2,
    fit.nucleationPositive,
    fit.nucleationNegative,
  ];
}
