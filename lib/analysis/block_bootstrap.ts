import { createRandom } from "../base/random.ts";
import { quantile } from "./quantile.ts";

export interface BootstrapOptions {
  seed: number;
  /** Number of resamples; default 1000. */
  draws?: number;
  /** Share of resamples inside the interval; default 0.9. */
  level?: number;
}

/**
 * An interval for a statistic of spatial blocks: neighbouring pixels repeat each other, so whole blocks are drawn with
 * replacement. `statistic` gets how often each block was drawn. Intervals from few blocks are too narrow by
 * sqrt(B / (B - 1)) and are widened by it about the statistic of the blocks themselves. NaN below 2 blocks.
 */
export function blockBootstrap(
  blocks: number,
  statistic: (times_B: Int32Array) => number,
  { seed, draws = 1000, level = 0.9 }: BootstrapOptions,
): [low: number, high: number] {
  if (blocks < 2) return [NaN, NaN];
  const random = createRandom(seed), times_B = new Int32Array(blocks);
  const centre = statistic(new Int32Array(blocks).fill(1));
  const values = Float64Array.from({ length: draws }, () => {
    times_B.fill(0);
    for (let b = 0; b < blocks; b++) times_B[random.integer(blocks)]++;
    return statistic(times_B);
  }).filter(Number.isFinite).sort();
  const widened = (share: number) => centre + (quantile(values, share) - centre) * Math.sqrt(blocks / (blocks - 1));
  return [widened((1 - level) / 2), widened((1 + level) / 2)];
}

/**
 * The block of each pixel of a rows x cols map cut into squares of `side` pixels, numbered from 0 without gaps over the
 * pixels for which `wanted` holds; -1 for the others.
 */
export function spatialBlocks(
  { rows, cols, side }: { rows: number; cols: number; side: number },
  wanted: (pixel: number) => boolean,
): { block_HW: Int32Array; count: number } {
  const numbers = new Map<number, number>();
  const block_HW = Int32Array.from({ length: rows * cols }, (_, pixel) => {
    if (!wanted(pixel)) return -1;
    const key = Math.floor(Math.floor(pixel / cols) / side) * cols + Math.floor(pixel % cols / side);
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    return numbers.get(key)!;
  });
  return { block_HW, count: numbers.size };
}
