import { createRandom } from "../base/random.ts";
import type { ChosenPoint } from "./choose_points.ts";
import type { PixelFeatures } from "./pixel_features.ts";

/** Pixels of the first grid along the shorter side of the map, at least. */
const FIRST_ALONG = 4;

/**
 * A grid that gets finer: first the pixels of a coarse grid, then those half as far apart, to every pixel; those of one
 * fineness in an order that the seed draws, so that they cover the map at any number. The score is the distance of the grid.
 */
export function gridPoints(
  pixels: Int32Array,
  { rows, cols }: Pick<PixelFeatures, "rows" | "cols">,
  { count, seed }: { count: number; seed: number },
): ChosenPoint[] {
  const coarsest = 2 ** Math.max(0, Math.floor(Math.log2(Math.min(rows, cols) / FIRST_ALONG)));
  const order = createRandom(seed).shuffle(Int32Array.from({ length: rows * cols }, (_, pixel) => pixel));
  const isFree = new Uint8Array(rows * cols);
  for (const pixel of pixels) isFree[pixel] = 1;
  const points: ChosenPoint[] = [];
  for (let step = coarsest; step >= 1 && points.length < count; step /= 2) {
    for (const pixel of order) {
      if (points.length === count) break;
      if (!isFree[pixel] || stepOf(Math.floor(pixel / cols), pixel % cols, coarsest) !== step) continue;
      points.push({ pixel, score: step });
    }
  }
  return points;
}

/** The coarsest grid that a pixel is on; grids begin half the coarsest step from the corner. */
function stepOf(row: number, col: number, coarsest: number): number {
  const [down, right] = [row + (coarsest >> 1), col + (coarsest >> 1)];
  let step = coarsest;
  while (down % step !== 0 || right % step !== 0) step /= 2;
  return step;
}
