import { blockBootstrap } from "./block_bootstrap.ts";
import { pooledScore, type ScoreSums } from "./scores.ts";

export interface Verdict {
  /** By how much the model's mean squared error is below the rival's, as a share of the rival's; negative: above. */
  gain: number;
  /** 90 % interval from whole blocks. */
  interval: [low: number, high: number];
  words: string;
}

/**
 * Whether a model's held-out error is below a rival's, in words, from sums over the same blocks of pixels. Blocks, not
 * pixels, are resampled, both models together, since an easy block is easy for both.
 */
export function verdictOf(
  model: { name: string; sums: ScoreSums },
  rival: { name: string; sums: ScoreSums },
  { blocks, seed }: { blocks: number; seed: number },
): Verdict {
  const gainOf = (times?: Int32Array) => 1 - pooledScore(model.sums, times).mse / pooledScore(rival.sums, times).mse;
  const gain = gainOf();
  const interval = blockBootstrap(blocks, gainOf, { seed });
  const percent = (share: number) => `${Math.round(100 * share)}`;
  const range = `${percent(Math.abs(gain))} % (${percent(interval[0])} to ${
    percent(interval[1])
  } from ${blocks} blocks)`;
  const words = interval[0] > 0
    ? `${model.name} beats ${rival.name} on held-out error by ${range}`
    : interval[1] < 0
    ? `${model.name} loses to ${rival.name} on held-out error by ${range}`
    : Number.isNaN(interval[0])
    ? `The held-out part is one block: whether ${model.name} beats ${rival.name} cannot be said`
    : `${model.name} and ${rival.name} cannot be told apart on held-out error: ${
      gain < 0 ? "worse" : "better"
    } by ${range}`;
  return { gain, interval, words };
}
