import { unprocessable } from "../base/errors.ts";
import type { Region } from "./cube.ts";

/** Throws `region_outside` where a rectangle is empty or leaves the map. */
export function checkRegion({ row, col, rows, cols }: Region, shape: readonly [number, number, number]): void {
  const inside = row >= 0 && col >= 0 && rows >= 1 && cols >= 1 && row + rows <= shape[0] && col + cols <= shape[1];
  if (inside) return;
  const met = `rows ${row} to ${row + rows - 1}, columns ${col} to ${col + cols - 1}`;
  throw unprocessable("region_outside", `Region (${met}) leaves the ${shape[0]} x ${shape[1]} map`);
}

/** Throws `index_outside` where a spectral step is not there. */
export function checkIndex(index: number, points: number): void {
  if (Number.isInteger(index) && index >= 0 && index < points) return;
  throw unprocessable("index_outside", `Spectral step ${index} is outside 0 to ${points - 1}`);
}
