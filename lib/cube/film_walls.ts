import { createRandom } from "../base/random.ts";

/** Where a pixel lies between the domain walls. */
export interface WallPosition {
  /** Pixels to the nearest wall: positive in c, negative in a. */
  distance: number;
  /** Which side of the a stripe that wall bounds: -1 left, +1 right. */
  side: -1 | 1;
}

interface Stripe {
  left: number;
  right: number;
}

/**
 * a-domain stripes of random width and spacing in a c matrix, their walls tilted against the columns and slightly wavy.
 * Returns the position of any pixel. `period` is the mean spacing of the stripes in pixels.
 */
export function createWalls(rows: number, cols: number, period: number, seed: number): (
  row: number,
  col: number,
) => WallPosition {
  const random = createRandom(seed);
  const tilt = (10 + 15 * random.uniform()) * Math.PI / 180 * (random.uniform() < 0.5 ? -1 : 1);
  const [phase, waves] = [2 * Math.PI * random.uniform(), 1 + random.uniform()];
  const reach = Math.abs(Math.sin(tilt)) * rows + 4;
  const stripes: Stripe[] = [];
  for (let at = -reach - period * random.uniform(); at < cols + reach;) {
    const width = period * (0.35 + 0.15 * random.uniform());
    stripes.push({ left: at, right: at + width });
    at += width + period * (0.45 + 0.25 * random.uniform());
  }
  return (row, col) => {
    const wave = 0.6 * Math.sin(2 * Math.PI * waves * row / Math.max(rows, 1) + phase);
    return positionAmong(stripes, col * Math.cos(tilt) + row * Math.sin(tilt) + wave);
  };
}

function positionAmong(stripes: readonly Stripe[], at: number): WallPosition {
  let [low, high] = [0, stripes.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (stripes[middle].left <= at) low = middle;
    else high = middle - 1;
  }
  const here = stripes[low];
  if (at < here.left) return { distance: here.left - at, side: -1 };
  if (at <= here.right) {
    const [fromLeft, fromRight] = [at - here.left, here.right - at];
    return fromLeft < fromRight ? { distance: -fromLeft, side: -1 } : { distance: -fromRight, side: 1 };
  }
  const next = stripes[low + 1];
  const fromRight = at - here.right;
  const fromNext = next ? next.left - at : Infinity;
  return fromRight <= fromNext ? { distance: fromRight, side: 1 } : { distance: fromNext, side: -1 };
}
