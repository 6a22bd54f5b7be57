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
 * not prepared at all, or through those of them that are left. A crop only chose pixels and is not repeated. Throws `preparation_mismatch` where the cube was
 * prepared in another way, and what a step throws that does not fit.
 */
export function repeatPreparation(
  cube: CubeReader,
  done: readonly Preparation[],
  wanted: readonly Preparation[] = [],
): CubeReader {
  const [met, steps] = [withoutCrops(done), withoutCrops(wanted)];
  const rest = restOf(met, steps);
  if (rest) return prepareCube(cube, rest);
  const names = (list: readonly Preparation[]) => list.map(({ step }) => step).join(", ") || "no step";
  const detail =
    `The cube was prepared by ${names(met)}, the model was trained after ${names(steps)}: upload the cube ` +
    "without preparation, and the model's own steps are repeated";
  throw unprocessable("preparation_mismatch", detail);
}

/** The wanted steps that are still to be done, where those that were done come first among them. */
function restOf(done: readonly Preparation[], wanted: readonly Preparation[]): Preparation[] | undefined {
  return samePreparation(done, wanted.slice(0, done.length)) ? wanted.slice(done.length) : undefined;
}

/** The steps that lie behind the cube that `repeatPreparation` gives. */
export function preparationAfter(
  done: readonly Preparation[],
  wanted: readonly Preparation[] = [],
): readonly Preparation[] {
  return [...done, ...restOf(withoutCrops(done), withoutCrops(wanted)) ?? []];
}

/**
 * Where the first pixel of a cube prepared in one way lies on the same cube prepared in another, in pixels of both: crops
 * move it. Undefined where the sizes of their pixels differ.
 */
export function pixelShift(
  own: readonly Preparation[] = [],
  other: readonly Preparation[] = [],
): { row: number; col: number } | undefined {
  const [a, b] = [originOf(own), originOf(other)];
  if (a.size !== b.size) return undefined;
  return { row: (a.row - b.row) / a.size, col: (a.col - b.col) / a.size };
}

/** The first pixel and the size of a pixel, both in pixels of the cube as it was uploaded. */
function originOf(steps: readonly Preparation[]): { row: number; col: number; size: number } {
  let [row, col, size] = [0, 0, 1];
  for (const { step, parameters } of steps) {
    if (step === "binPixels") size *= parameters.factor;
    if (step === "crop") [row, col] = [row + size * parameters.row, col + size * parameters.col];
  }
  return { row, col, size };
}

function withoutCrops(steps: readonly Preparation[]): Preparation[] {
  return steps.filter(({ step }) => step !== "crop");
}
