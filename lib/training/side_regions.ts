import type { Region } from "../cube/cube.ts";

export const SIDES = ["left", "right", "upper", "lower"] as const;

/** Part of the map that is trained on. */
const SHARE = 0.72;

/** The left, right, upper and lower 72 % of a map: one split alone can mislead by half of r2. */
export function sideRegions([rows, cols]: readonly number[]): Record<typeof SIDES[number], Region> {
  const [wide, high] = [Math.floor(SHARE * cols), Math.floor(SHARE * rows)];
  return {
    left: { row: 0, col: 0, rows, cols: wide },
    right: { row: 0, col: cols - wide, rows, cols: wide },
    upper: { row: 0, col: 0, rows: high, cols },
    lower: { row: rows - high, col: 0, rows: high, cols },
  };
}
