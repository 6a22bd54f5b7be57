import { LoopscopeError, unprocessable } from "../base/errors.ts";
import type { FormatLimits } from "./cube_source.ts";

const SMALLEST_GRID = 2;
const FEWEST_POINTS = 4;
/** deflate cannot shrink more than about 1032:1, so a larger ratio is a file made to expand. */
const LARGEST_EXPANSION = 1100;
const EXPANSION_MATTERS_BYTES = 64 * 2 ** 20;

/** True where rows, cols and points are enough for a cube: 2 x 2 pixels with 4 points (3 would be a colour image). */
export function isCubeShape(shape: readonly number[]): boolean {
  const [rows, cols, points] = shape;
  return shape.length === 3 && Math.min(rows, cols) >= SMALLEST_GRID && points >= FEWEST_POINTS;
}

/** Throws `cube_too_small` or `cube_too_large` with the numbers. */
export function checkCubeShape(shape: readonly [number, number, number], limits: FormatLimits): void {
  const met = `${shape[0]} x ${shape[1]} pixels with ${shape[2]} points`;
  if (!isCubeShape(shape)) {
    const wanted = `at least ${SMALLEST_GRID} x ${SMALLEST_GRID} pixels with ${FEWEST_POINTS} points`;
    throw unprocessable("cube_too_small", `Found ${met}; expected ${wanted}`);
  }
  const [rows, cols, points] = shape;
  const tooLarge = (wanted: string) =>
    new LoopscopeError("tooLarge", "cube_too_large", `Found ${met}; expected ${wanted}`);
  if (points > limits.maxPoints) throw tooLarge(`at most ${limits.maxPoints} points`);
  if (rows * cols > limits.maxPixels) throw tooLarge(`at most ${limits.maxPixels} pixels`);
  if (cols * points > limits.maxRowValues) throw tooLarge(`at most ${limits.maxRowValues} values in a row`);
  if (rows * cols * points > limits.maxValues) throw tooLarge(`at most ${limits.maxValues} values`);
}

/** Throws `expands_too_much` where a small file declares an array that no honest compression makes so small. */
export function checkExpansion(declaredBytes: number, storedBytes: number): void {
  if (declaredBytes <= EXPANSION_MATTERS_BYTES || declaredBytes <= LARGEST_EXPANSION * storedBytes) return;
  const message = `A file of ${storedBytes} bytes declares ${declaredBytes} bytes of values, ` +
    `expected at most ${LARGEST_EXPANSION} times its size`;
  throw new LoopscopeError("tooLarge", "expands_too_much", message);
}
