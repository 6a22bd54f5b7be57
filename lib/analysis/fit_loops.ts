import type { LoopFit, LoopFitter } from "./loop_fit.ts";
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

/**
 * Nine-parameter fits of whole loops, N x P in the order of FIT_QUANTITIES; NaN throughout for a loop that cannot be
 * fitted. A few hundred loops take half a second: callers with more go on in parts, so that they can be stopped.
 */
export function fitLoops(loops_NS: ArrayLike<number>, fitter: LoopFitter): Float64Array {
  const count = loops_NS.length / fitter.points;
  const fits_NP = new Float64Array(count * FIT_QUANTITIES.length).fill(NaN);
  for (let n = 0; n < count; n++) {
    const fit = fitter.fit(loops_NS, n * fitter.points);
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
    fit.imprint,
    fit.nucleationPositive,
    fit.nucleationNegative,
  ];
}
