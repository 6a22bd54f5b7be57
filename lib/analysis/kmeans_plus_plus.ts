import type { Random } from "../base/random.ts";

/**
 * K starting centres among the N points of length `size` (Arthur and Vassilvitskii, 2007): each next centre is drawn
 * with probability proportional to the squared distance from those there are. Returns their indices; a point is drawn
 * twice only when all points coincide with centres.
 */
export function kMeansPlusPlus(
  points_NL: Float64Array,
  { size, centres, random }: { size: number; centres: number; random: Random },
): Int32Array {
  const count = points_NL.length / size;
  const chosen = new Int32Array(centres);
  const distance = new Float64Array(count).fill(Infinity);
  chosen[0] = random.integer(count);
  for (let k = 1; k < centres; k++) {
    let total = 0;
    for (let n = 0; n < count; n++) {
      let d = 0;
      for (let l = 0; l < size; l++) d += (points_NL[n * size + l] - points_NL[chosen[k - 1] * size + l]) ** 2;
      distance[n] = Math.min(distance[n], d);
      total += distance[n];
    }
    chosen[k] = total > 0 ? drawFrom(distance, random.uniform() * total) : random.integer(count);
  }
  return chosen;
}

/** The first index at which the running sum of the weights passes `target`; never one of weight zero. */
function drawFrom(weights: Float64Array, target: number): number {
  let last = 0;
  for (let n = 0; n < weights.length; n++) {
    if (weights[n] === 0) continue;
    last = n;
    target -= weights[n];
    if (target <= 0) break;
  }
  return last;
}
