/** Predictions and targets, N x size each; a pair with a NaN is left out. */
export interface ScoredPairs {
  prediction_NS: ArrayLike<number>;
  target_NS: ArrayLike<number>;
  size: number;
}

/** Sums over pairs from which scores of any union of pairs follow: one row of six numbers a group. */
export type ScoreSums = Float64Array;

export interface PooledScore {
  mse: number;
  nrmse: number;
  r2: number;
}

const COUNT = 0, SQUARES = 1, PLUS = 2, TARGET = 3, TARGET_SQUARES = 4, WIDTH = 5;

/**
 * Sums of each group of pairs. `group_N` names the group of each pair, 0 .. groups - 1; negative: none. `origin` should
 * be near the targets' mean, so that their variance keeps its digits.
 */
export function scoreSums(
  { prediction_NS, target_NS, size }: ScoredPairs,
  group_N: ArrayLike<number>,
  { groups, origin }: { groups: number; origin: number },
): ScoreSums {
  const sums = new Float64Array(groups * WIDTH);
  for (let n = 0; n < group_N.length; n++) {
    if (group_N[n] < 0) continue;
    let squares = 0, plus = 0, target = 0, targetSquares = 0;
    for (let i = n * size; i < (n + 1) * size; i++) {
      const t = target_NS[i], p = prediction_NS[i];
      squares += (p - t) ** 2;
      plus += (p + t) ** 2;
      target += t - origin;
      targetSquares += (t - origin) ** 2;
    }
    if (!Number.isFinite(squares)) continue;
    const at = group_N[n] * WIDTH;
    sums[at + COUNT] += size;
    sums[at + SQUARES] += squares;
    sums[at + PLUS] += plus;
    sums[at + TARGET] += target;
    sums[at + TARGET_SQUARES] += targetSquares;
  }
  return sums;
}

/**
 * Scores of the union of groups, each counted `times` (1 without it): mse; nrmse = sqrt(sum (p - t)^2 / sum (p + t)^2)
 * over all pairs; r2 = 1 - mse / variance of all target values. NaN without pairs.
 */
export function pooledScore(sums: ScoreSums, times?: ArrayLike<number>): PooledScore {
  const total = new Float64Array(WIDTH);
  for (let i = 0; i < sums.length; i++) total[i % WIDTH] += sums[i] * (times ? times[Math.floor(i / WIDTH)] : 1);
  const mse = total[SQUARES] / total[COUNT];
  const mean = total[TARGET] / total[COUNT];
  const variance = total[TARGET_SQUARES] / total[COUNT] - mean * mean;
  return { mse, nrmse: Math.sqrt(total[SQUARES] / total[PLUS]), r2: 1 - mse / variance };
}
