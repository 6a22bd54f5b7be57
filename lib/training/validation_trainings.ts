import { unprocessable } from "../base/errors.ts";
import type { TrainRequest } from "../schemas/job.ts";
import type { HeldOutScores, Scores } from "../schemas/model.ts";
import { sideRanges } from "./evaluation/side_ranges.ts";
import { sideRegions, SIDES } from "./side_regions.ts";
import type { TrainingCube } from "./training_cubes.ts";

/** A training of which the scores alone are kept. */
export interface ValidationTraining {
  cubes: readonly TrainingCube[];
  /** Place of the cube that is tested on instead of being trained on. */
  leftOut?: number;
}

/** Throws `validation_not_possible` for four sides of several cubes, and for leaving the only cube out. */
export function checkValidation({ validation }: Pick<TrainRequest, "validation">, cubes: number): void {
  const isPossible = validation === "split" || (validation === "sides") === (cubes === 1);
  if (isPossible) return;
  throw unprocessable(
    "validation_not_possible",
    `Validation is "${validation}" with ${cubes} cube${cubes === 1 ? "" : "s"}; expected "split" or ` +
      (cubes === 1 ? '"sides"' : '"cubes"'),
  );
}

/** What is trained beside the model itself, in this order. */
export function validationTrainings(
  { validation }: TrainRequest,
  cubes: readonly TrainingCube[],
): ValidationTraining[] {
  if (validation === "cubes") return cubes.map((_, leftOut) => ({ cubes, leftOut }));
  if (validation === "split") return [];
  const regions = sideRegions(cubes[0].cube.shape);
  return SIDES.map((side) => ({ cubes: [{ ...cubes[0], region: regions[side] }] }));
}

/** The scores of the model with those of its validation trainings. */
export function withValidation(
  scores: Scores,
  { validation }: TrainRequest,
  cubes: readonly TrainingCube[],
  validated: readonly HeldOutScores[],
): Scores {
  if (validation === "split") return scores;
  if (validation === "cubes") {
    return { ...scores, cubes: scores.cubes!.map((own, k) => ({ ...own, leftOut: validated[k] })) };
  }
  const regions = sideRegions(cubes[0].cube.shape);
  const bySide = SIDES.map((side, k) => ({ side, region: regions[side], ...validated[k] }));
  return { ...scores, sides: sideRanges(bySide) };
}
