import type { Standardiser } from "../schemas/model.ts";

export type Scaling = "global" | "perStep" | "none";

/** A standardiser that changes nothing. */
export const IDENTITY: Standardiser = { mean: 0, std: 1 };

/**
 * Mean and standard deviation of rows of `points` values: one pair (`global`), one per column (`perStep`) or the identity
 * (`none`). What does not vary becomes 0 and comes back; its deviation is that of the columns that vary (root mean
 * square), else its level, else 1: what a network says of it is never exactly 0, and has to stay small in the data's
 * own unit. Throws RangeError on no data.
 */
export function fitStandardiser(values_NS: Float32Array, points: number, scaling: Scaling): Standardiser {
  if (values_NS.length === 0) throw new RangeError("No values to standardise");
  if (scaling === "none") return IDENTITY;
  if (scaling === "global") {
    const { mean, std } = moments(values_NS, 0, 1);
    return { mean, std: std || Math.abs(mean) || 1 };
  }
  const columns = Array.from({ length: points }, (_, s) => moments(values_NS, s, points));
  const varying = columns.filter(({ std }) => std > 0);
  const typical = Math.sqrt(varying.reduce((sum, { std }) => sum + std * std / varying.length, 0));
  return {
    mean: columns.map(({ mean }) => mean),
    std: columns.map(({ mean, std }) => std || typical || Math.abs(mean) || 1),
  };
}

/** The deviation of a constant is 0: rounding would leave it one of the order of float32's relative step. */
function moments(values: Float32Array, start: number, stride: number): { mean: number; std: number } {
  let [count, sum] = [0, 0];
  for (let i = start; i < values.length; i += stride) count++, sum += values[i];
  const mean = sum / count;
  let squares = 0;
  for (let i = start; i < values.length; i += stride) squares += (values[i] - mean) ** 2;
  const std = Math.sqrt(squares / count);
  return { mean, std: std > 1e-7 * Math.abs(mean) ? std : 0 };
}

/** `(x - mean) / std`, as float32. */
export function standardise(values_NS: ArrayLike<number>, scaler: Standardiser): Float32Array {
  return mapWith(values_NS, scaler, (x, mean, std) => (x - mean) / std);
}

/** `x * std + mean`, as float32: the inverse of `standardise`. */
export function unstandardise(values_NS: ArrayLike<number>, scaler: Standardiser): Float32Array {
  return mapWith(values_NS, scaler, (x, mean, std) => x * std + mean);
}

function mapWith(
  values: ArrayLike<number>,
  { mean, std }: Standardiser,
  apply: (x: number, mean: number, std: number) => number,
): Float32Array {
  const result = new Float32Array(values.length);
  if (typeof mean === "number" && typeof std === "number") {
    for (let i = 0; i < result.length; i++) result[i] = apply(values[i], mean, std);
    return result;
  }
  const points = Array.isArray(mean) ? mean.length : (std as number[]).length;
  if (result.length % points !== 0) {
    throw new RangeError(`${result.length} values are no whole rows of ${points} steps`);
  }
  for (let i = 0; i < result.length; i++) {
    const s = i % points;
    result[i] = apply(values[i], typeof mean === "number" ? mean : mean[s], typeof std === "number" ? std : std[s]);
  }
  return result;
}
