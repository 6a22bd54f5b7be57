import type { Direction } from "../../schemas/job.ts";
import type { Scores } from "../../schemas/model.ts";
import type { BaselinePredictions } from "../baselines/baselines.ts";
import { blockInterval, blockSize, type BlockSums, blockSums, type Scored, scoreOf } from "./block_scores.ts";
import { GAIN_OVER, RIDGE_OVER_MEAN, verdictOf } from "./verdict.ts";

export interface EvaluationInput {
  direction: Direction;
  cols: number;
  window: number;
  seed: number;
  /** Predictions and targets in physical units. */
  test: Scored;
  train: Scored;
  /** The baselines' predictions of the test pixels, in physical units. */
  baselines: BaselinePredictions;
  /** What a `robust` model's linear path predicts alone for the test pixels, in physical units. */
  linearPath?: Float32Array;
  /** Share of held-out targets inside an ensemble's calibrated band. */
  coverage?: number;
}

/**
 * Scores of the held-out and training pixels with the baselines on the same held-out pixels, by blocks of a window (at
 * least 4 pixels), with 90 % block-bootstrap intervals of the scores and of the gain over each baseline.
 */
export function evaluate(input: EvaluationInput): Scores {
  const { cols, test } = input;
  const size = blockSize(input.window);
  const blocks = blockSums(test, cols, size);
  const baselineBlocks = Object.fromEntries(
    Object.entries(input.baselines).map(([name, predicted_NO]) => [
      name,
      blockSums({ ...test, predicted_NO }, cols, size),
    ]),
  ) as Record<keyof BaselinePredictions, BlockSums[]>;
  const scores: Omit<Scores, "verdict"> = {
    train: scoreOf(blockSums(input.train, cols, size)),
    test: scoreOf(blocks),
    baselines: {
      mean: scoreOf(baselineBlocks.mean),
      ridge: scoreOf(baselineBlocks.ridge),
      nearest: scoreOf(baselineBlocks.nearest),
      kernelRidge: scoreOf(baselineBlocks.kernelRidge),
      trees: scoreOf(baselineBlocks.trees),
    },
    ...(input.linearPath
      ? { linearPath: scoreOf(blockSums({ ...test, predicted_NO: input.linearPath }, cols, size)) }
      : {}),
    byBlock: blocks.map((block) => ({ region: block.region, count: block.count, ...scoreOf([block]) })),
    intervals: intervalsOf(blocks, baselineBlocks, input.seed),
    ...(input.coverage === undefined ? {} : { coverage: input.coverage }),
  };
  return { ...scores, verdict: verdictOf(input.direction, scores) };
}

function intervalsOf(
  blocks: readonly BlockSums[],
  baselines: Record<keyof BaselinePredictions, readonly BlockSums[]>,
  seed: number,
): Record<string, [number, number]> {
  const drawnSum = (of: (b: number) => number) => (drawn: Int32Array) => drawn.reduce((sum, b) => sum + of(b), 0);
  const sse = drawnSum((b) => blocks[b].sse);
  const sst = drawnSum((b) => blocks[b].sst);
  const count = drawnSum((b) => blocks[b].count);
  const nrmse = drawnSum((b) => blocks[b].nrmse);
  const statistics: Record<string, (drawn: Int32Array) => number> = {
    mse: (drawn) => sse(drawn) / count(drawn),
    nrmse: (drawn) => nrmse(drawn) / count(drawn),
    r2: (drawn) => 1 - sse(drawn) / sst(drawn),
  };
  for (const name of Object.keys(GAIN_OVER) as (keyof BaselinePredictions)[]) {
    const other = drawnSum((b) => baselines[name][b].sse);
    statistics[GAIN_OVER[name]] = (drawn) => 1 - sse(drawn) / other(drawn);
  }
  const [ridge, mean] = [drawnSum((b) => baselines.ridge[b].sse), drawnSum((b) => baselines.mean[b].sse)];
  statistics[RIDGE_OVER_MEAN] = (drawn) => 1 - ridge(drawn) / mean(drawn);
  const intervals: Record<string, [number, number]> = {};
  for (const [name, statistic] of Object.entries(statistics)) {
    const interval = blockInterval(blocks.length, statistic, seed);
    if (interval) intervals[name] = interval;
  }
  return intervals;
}
