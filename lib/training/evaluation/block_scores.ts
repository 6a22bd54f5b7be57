import { createRandom } from "../../base/random.ts";
import type { Region } from "../../cube/cube.ts";
import type { Score } from "../../schemas/model.ts";

/** Sums over one spatial block of scored pixels, from which scores of any union of blocks follow. */
export interface BlockSums {
  /** Bounding rectangle of the block's scored pixels. */
  region: Region;
  count: number;
  /** Squared errors, and squared distances of the targets from their mean over ALL scored pixels of their cube, over all elements. */
  sse: number;
  sst: number;
  /** Sum of the pixels' nrmse. */
  nrmse: number;
}

export interface Scored {
  /** Pixel indices (row * cols + col) of the N rows. */
  pixels: Int32Array;
  predicted_NO: Float32Array;
  target_NO: Float32Array;
  /** Where the pixels are of several cubes, which one's each is: r2 is about the mean of its own. */
  cubeOf?: (pixel: number) => number;
}

/** Side of a square of pixels that is scored together. */
export function blockSize(window: number): number {
  return Math.max(4, window);
}

/** The scored pixels in squares of `blockSize` pixels. */
export function blockSums(scored: Scored, cols: number, blockSize: number): BlockSums[] {
  const { pixels, predicted_NO, target_NO, cubeOf = () => 0 } = scored;
  const size = target_NO.length / pixels.length;
  const means = meansByCube(scored);
  const blocks = new Map<string, BlockSums>();
  for (let n = 0; n < pixels.length; n++) {
    const [row, col] = [Math.floor(pixels[n] / cols), pixels[n] % cols];
    const key = `${Math.floor(row / blockSize)},${Math.floor(col / blockSize)}`;
    const block = blocks.get(key) ??
      { region: { row, col, rows: 1, cols: 1 }, count: 0, sse: 0, sst: 0, nrmse: 0 };
    blocks.set(key, block);
    stretch(block.region, row, col);
    let [sse, sst, sums] = [0, 0, 0];
    const mean = means.get(cubeOf(pixels[n]))!;
    for (let i = n * size, o = 0; o < size; i++, o++) {
      sse += (predicted_NO[i] - target_NO[i]) ** 2;
      sst += (target_NO[i] - mean[o]) ** 2;
      sums += (predicted_NO[i] + target_NO[i]) ** 2;
    }
    block.count++;
    block.sse += sse / size;
    block.sst += sst / size;
    block.nrmse += sse === 0 ? 0 : Math.sqrt(sse / sums);
  }
  return [...blocks.values()];
}

function meansByCube({ pixels, target_NO, cubeOf = () => 0 }: Scored): Map<number, Float64Array> {
  const size = target_NO.length / pixels.length;
  const sums = new Map<number, { count: number; sum: Float64Array }>();
  for (let n = 0; n < pixels.length; n++) {
    const cube = cubeOf(pixels[n]);
    const of = sums.get(cube) ?? { count: 0, sum: new Float64Array(size) };
    sums.set(cube, of);
    of.count++;
    for (let o = 0; o < size; o++) of.sum[o] += target_NO[n * size + o];
  }
  return new Map([...sums].map(([cube, { count, sum }]) => [cube, sum.map((value) => value / count)]));
}

function stretch(region: Region, row: number, col: number): void {
  const [bottom, right] = [Math.max(region.row + region.rows, row + 1), Math.max(region.col + region.cols, col + 1)];
  region.row = Math.min(region.row, row);
  region.col = Math.min(region.col, col);
  region.rows = bottom - region.row;
  region.cols = right - region.col;
}

/**
 * Score of a union of blocks: mse over all elements, nrmse as the mean over pixels, r2 = 1 - squared errors / squared
 * distances of the targets from their mean spectrum (or patch) over all scored pixels. Null where it is not a number.
 */
export function scoreOf(blocks: readonly BlockSums[]): Score {
  const sum = (of: (block: BlockSums) => number) => blocks.reduce((total, block) => total + of(block), 0);
  const [count, sse, sst, nrmse] = [sum((b) => b.count), sum((b) => b.sse), sum((b) => b.sst), sum((b) => b.nrmse)];
  const finite = (value: number) => Number.isFinite(value) ? value : null;
  return { mse: finite(sse / count), nrmse: finite(nrmse / count), r2: finite(1 - sse / sst) };
}

const RESAMPLES = 2000;
/** The 95th percentile of the normal distribution. */
const Z_95 = 1.645;

/**
 * 90 % interval of a statistic over spatial blocks drawn with replacement (2000 draws, seeded): neighbouring pixels are
 * alike, so that blocks and not pixels are the independent draws. Percentiles from few blocks are too narrow; they are
 * widened about the statistic of the blocks themselves by sqrt(B / (B - 1)) and by what Student's t has over the normal
 * distribution (first order in 1 / (B - 1)). Undefined for fewer than 3 blocks.
 */
export function blockInterval(
  blocks: number,
  statistic: (drawn: Int32Array) => number,
  seed: number,
): [number, number] | undefined {
  if (blocks < 3) return undefined;
  const random = createRandom(seed);
  const drawn = new Int32Array(blocks);
  const values: number[] = [];
  for (let k = 0; k < RESAMPLES; k++) {
    for (let b = 0; b < blocks; b++) drawn[b] = random.integer(blocks);
    const value = statistic(drawn);
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length < RESAMPLES / 2) return undefined;
  values.sort((a, b) => a - b);
  const centre = statistic(Int32Array.from({ length: blocks }, (_, b) => b));
  const widening = Math.sqrt(blocks / (blocks - 1)) * (1 + (Z_95 ** 2 + 1) / (4 * (blocks - 1)));
  const at = (share: number) => centre + widening * (values[Math.floor(share * values.length)] - centre);
  return [at(0.05), at(0.95)];
}
