import type { Box, Outline } from "./map_overlay.ts";
import type { ModelSource } from "./model_source.ts";
import { learnedFrom } from "./session.ts";

/** Where the model learned, and the guard band around it where nothing is scored; empty for another cube. */
export function areasOf({ model, cube }: ModelSource): Outline[] {
  if (!learnedFrom(model, cube)) return [];
  const { region: { row, col, rows, cols }, guard } = model.training!;
  return regionOutlines([row, col, rows, cols], guard, [cube.shape[0], cube.shape[1]]);
}

/** How many pixels a region trains on and leaves for testing, when patches of `window` must lie within the map. */
export function partSizes(
  region: Box,
  window: number,
  [height, width]: readonly [number, number],
): { train: number; test: number } {
  const half = Math.floor(window / 2);
  const reach: Box = [half, half, Math.max(0, height - window + 1), Math.max(0, width - window + 1)];
  const train = intersection(region, reach);
  const [row, col, rows, cols] = train;
  const guard = window - 1;
  const around = intersection([row - guard, col - guard, rows + 2 * guard, cols + 2 * guard], reach);
  return { train: rows * cols, test: reach[2] * reach[3] - around[2] * around[3] };
}

function intersection(a: Box, b: Box): Box {
  const [row, col] = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  const rows = Math.max(0, Math.min(a[0] + a[2], b[0] + b[2]) - row);
  return [row, col, rows, Math.max(0, Math.min(a[1] + a[3], b[1] + b[3]) - col)];
}

/** The outlines of a training region and its guard band, cut at the map's edge, and a name for each part. */
export function regionOutlines(
  train: Box,
  guard: number,
  [height, width]: readonly [number, number],
): Outline[] {
  const [row, col, rows, cols] = train;
  const [top, left] = [Math.max(0, row - guard), Math.max(0, col - guard)];
  const bottom = Math.min(height, row + rows + guard);
  const right = Math.min(width, col + cols + guard);
  const around: Box = [top, left, bottom - top, right - left];
  return [
    { box: around, dashed: true, label: "guard", labelBox: widestStrip(around, train) },
    { box: train, label: "train", labelBox: train },
    { box: around, hidden: true, label: "test", labelBox: widestStrip([0, 0, height, width], around) },
  ];
}

/** The largest of the four strips between a box and the box around it; undefined where they are equal. */
function widestStrip(outer: Box, inner: Box): Box | undefined {
  const [bottom, right] = [outer[0] + outer[2], outer[1] + outer[3]];
  const [innerBottom, innerRight] = [inner[0] + inner[2], inner[1] + inner[3]];
  const strips: Box[] = [
    [outer[0], innerRight, outer[2], right - innerRight],
    [innerBottom, outer[1], bottom - innerBottom, outer[3]],
    [outer[0], outer[1], outer[2], inner[1] - outer[1]],
    [outer[0], outer[1], inner[0] - outer[0], outer[3]],
  ];
  const size = (box: Box) => box[2] * box[3];
  const widest = strips.reduce((best, strip) => size(strip) > size(best) ? strip : best);
  return size(widest) > 0 ? widest : undefined;
}
