import type { HeldOutScores } from "../../schemas/model.ts";
import type { BaselinePredictions } from "../baselines/baselines.ts";
import { blockSize, blockSums, type Scored, scoreOf } from "./block_scores.ts";

/** Held-out scores of a model and of the baselines on the pixels of one of several cubes. */
export function cubeScores(
  test: Scored,
  baselines: BaselinePredictions,
  { cube, cols, window }: { cube: number; cols: number; window: number },
): HeldOutScores {
  const { pixels, target_NO, cubeOf = () => 0 } = test;
  const size = target_NO.length / pixels.length;
  const chosen = Int32Array.from(pixels.keys()).filter((n) => cubeOf(pixels[n]) === cube);
  const take = (values: Float32Array) => {
    const taken = new Float32Array(chosen.length * size);
    chosen.forEach((n, at) => taken.set(values.subarray(n * size, (n + 1) * size), at * size));
    return taken;
  };
  const scored = { pixels: chosen.map((n) => pixels[n]), target_NO: take(target_NO) };
  const score = (predicted_NO: Float32Array) =>
    scoreOf(blockSums({ ...scored, predicted_NO: take(predicted_NO) }, cols, blockSize(window)));
  const { mean, ridge, nearest, kernelRidge, trees } = baselines;
  return {
    test: score(test.predicted_NO),
    baselines: {
      mean: score(mean),
      ridge: score(ridge),
      nearest: score(nearest),
      kernelRidge: score(kernelRidge),
      trees: score(trees),
    },
  };
}
