/** Mean and spread (standard deviation) of several members' outputs, element by element. */
export function meanAndSpread(outputs: readonly Float32Array[]): { mean: Float32Array; spread: Float32Array } {
  const [first] = outputs;
  const mean = new Float32Array(first.length);
  const spread = new Float32Array(first.length);
  for (let i = 0; i < first.length; i++) {
    let sum = 0;
    for (const output of outputs) sum += output[i];
    const centre = sum / outputs.length;
    let squares = 0;
    for (const output of outputs) squares += (output[i] - centre) ** 2;
    mean[i] = centre;
    spread[i] = Math.sqrt(squares / Math.max(1, outputs.length - 1));
  }
  return { mean, spread };
}

/**
 * The factor by which the spread has to be multiplied so that mean +- factor x spread holds this share of the targets: a
 * quantile of |target - mean| / spread, with the finite-sample step of conformal prediction.
 */
export function calibrateSpread(
  { mean, spread }: { mean: Float32Array; spread: Float32Array },
  target: Float32Array,
  share = 0.9,
): number {
  const ratios = Float64Array.from(target, (t, i) => Math.abs(t - mean[i]) / Math.max(spread[i], Number.MIN_VALUE));
  ratios.sort();
  const rank = Math.min(ratios.length - 1, Math.ceil(share * (ratios.length + 1)) - 1);
  return Math.min(ratios[rank], Number.MAX_VALUE);
}

/** Share of the targets inside mean +- factor x spread. */
export function coverageOf(
  { mean, spread }: { mean: Float32Array; spread: Float32Array },
  target: Float32Array,
  factor: number,
): number {
  let inside = 0;
  for (let i = 0; i < target.length; i++) if (Math.abs(target[i] - mean[i]) <= factor * spread[i]) inside++;
  return inside / target.length;
}
