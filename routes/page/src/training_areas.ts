import type { Outline } from "./map_overlay.ts";
import type { ModelSource } from "./model_source.ts";

/** Where the model learned, and the guard band around it where nothing is scored; empty for another cube. */
export function areasOf({ model, cube }: ModelSource): Outline[] {
  const { training } = model;
  if (!training || training.cubeSha256 !== cube.sha256) return [];
  const { row, col, rows, cols } = training.region;
  return regionOutlines([row, col, rows, cols], training.guard, [cube.shape[0], cube.shape[1]]);
}

/** The outlines of a training region and its guard band, cut at the map's edge. */
export function regionOutlines(
  [row, col, rows, cols]: readonly [number, number, number, number],
  guard: number,
  [height, width]: readonly [number, number],
): Outline[] {
  const [top, left] = [Math.max(0, row - guard), Math.max(0, col - guard)];
  const bottom = Math.min(height, row + rows + guard);
  const right = Math.min(width, col + cols + guard);
  return [
    { box: [top, left, bottom - top, right - left], label: "", dashed: true },
    { box: [row, col, rows, cols], label: "train" },
  ];
}
