import type { TrainRequest } from "../schemas/job.ts";
import type { Scores } from "../schemas/model.ts";
import type { BaselinePredictions } from "./baselines/baselines.ts";
import type { Scored } from "./evaluation/block_scores.ts";
import { cubeScores } from "./evaluation/cube_scores.ts";
import { evaluate } from "./evaluation/evaluate.ts";
import { partAt, physicalOutputs } from "./joint_data.ts";
import type { TrainingCube } from "./training_cubes.ts";
import type { PairSet, TrainingData } from "./training_data.ts";

/** Standardised predictions. */
export interface StandardisedPredictions {
  test: Float32Array;
  trainPairs: PairSet;
  train: Float32Array;
  baselines: BaselinePredictions;
  linearPath?: Float32Array;
  coverage?: number;
}

/** In physical units; of several cubes also of each by itself. */
export function trainingScores(
  { cubes, request }: { cubes: readonly TrainingCube[]; request: TrainRequest },
  data: TrainingData,
  predicted: StandardisedPredictions,
): Scores {
  const { direction, window, seed } = request;
  const { cols, parts } = data;
  const scored = (pairs: PairSet, predicted_NO: Float32Array): Scored => ({
    pixels: pairs.pixels,
    predicted_NO: physicalOutputs(data, pairs.pixels, predicted_NO),
    target_NO: physicalOutputs(data, pairs.pixels, pairs.target_NO),
    ...(parts.length > 1 ? { cubeOf: (pixel) => partAt(parts, pixel, cols).cube } : {}),
  });
  const ofTest = (values: Float32Array) => physicalOutputs(data, data.test.pixels, values);
  const { mean, ridge, nearest, kernelRidge, trees } = predicted.baselines;
  const baselines = {
    mean: ofTest(mean),
    ridge: ofTest(ridge),
    nearest: ofTest(nearest),
    kernelRidge: ofTest(kernelRidge),
    trees: ofTest(trees),
  };
  const test = scored(data.test, predicted.test);
  const scores = evaluate({
    ...{ direction, cols, window, seed, test, baselines },
    train: scored(predicted.trainPairs, predicted.train),
    linearPath: predicted.linearPath && ofTest(predicted.linearPath),
    coverage: predicted.coverage,
  });
  if (parts.length === 1) return scores;
  return {
    ...scores,
    // On the grid of the cube that the block lies on.
    byBlock: scores.byBlock?.map((block) => {
      const { cube, row0 } = partAt(parts, block.region.row * cols, cols);
      return { ...block, cube, region: { ...block.region, row: block.region.row - row0 } };
    }),
    cubes: parts.filter(({ testPixels }) => testPixels > 0).map(({ cube }) => ({
      name: cubes[cube].cubeName,
      ...cubeScores(test, baselines, { cube, cols, window }),
    })),
  };
}
