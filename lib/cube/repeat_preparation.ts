import { unprocessable } from "../base/errors.ts";
import { type Preparation, preparationSchema } from "../schemas/preparation.ts";
import type { CubeReader, ProvenanceStep } from "./cube.ts";
import { prepareCube } from "./prepare.ts";

/** The preparation steps in a cube's provenance, in their order. */
export function preparationOf(provenance: readonly ProvenanceStep[]): Preparation[] {
  return provenance.flatMap((step) => {
    const parsed = preparationSchema.safeParse(step);
    return parsed.success ? [parsed.data] : [];
  });
}

export function samePreparation(a: readonly Preparation[] = [], b: readonly Preparation[] = []): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * A cube as a model wants it: as it is where it was prepared like the model's own, through the model's steps where it was
 * not prepared at all. A crop only chose pixels and is not repeated. Throws `preparation_mismatch` where the cube was
 * prepared in another way, and what a step throws that does not fit.
 */
export function repeatPreparation(
  cube: CubeReader,
  done: readonly Preparation[],
  wanted: readonly Preparation[] = [],
): CubeReader {
  const [met, steps] = [withoutCrops(done), withoutCrops(wanted)];
  if (samePreparation(met, steps)) return cube;
  if (met.length === 0) return prepareCube(cube, steps);
  const names = (list: readonly Preparation[]) => list.map(({ step }) => step).join(", ") || "no step";
  const detail =
    `The cube was prepared by ${names(met)}, the model was trained after ${names(steps)}: upload the cube ` +
    "without preparation, and the model's own steps are repeated";
  throw unprocessable("preparation_mismatch", detail);
}

function withoutCrops(steps: readonly Preparation[]): Preparation[] {
  return steps.filter(({ step }) => step !== "crop");
}
