import { unprocessable } from "../base/errors.ts";

export interface DbscanOptions {
  /** Number of values of one point. */
  size: number;
  /** Distance within which points are neighbours. */
  radius: number;
  /** Points within the radius, itself included, that make a point a core point. */
  minPoints: number;
}

/**
 * Density clusters (Ester et al., KDD 1996): labels 0, 1, … in order of falling size, -1 for noise and for points with
 * a NaN. Neighbours are looked up along the variable of largest spread. Throws `bad_radius` for a radius that is not
 * positive.
 */
export function dbscan(points_NL: ArrayLike<number>, { size, radius, minPoints }: DbscanOptions): Int32Array {
  if (!(radius > 0)) throw unprocessable("bad_radius", `Radius must be above 0; received ${radius}`);
  const search = new SortedSearch(points_NL, size);
  const count = points_NL.length / size;
  const label_N = new Int32Array(count).fill(-1);
  let clusters = 0;
  for (const start of search.order) {
    if (label_N[start] >= 0) continue;
    const queue = [start];
    // A point is labelled as it is queued, so that it is queued once however many neighbours it has.
    for (let n = queue.pop(); n !== undefined; n = queue.pop()) {
      const neighbours = search.withTimeout(n, radius);
      if (neighbours.length < minPoints) continue;
      label_N[n] = clusters;
      for (const other of neighbours) {
        if (label_N[other] >= 0) continue;
        label_N[other] = clusters;
        queue.push(other);
      }
    }
    if (label_N[start] >= 0) clusters++;
  }
  return bySize(label_N, clusters);
}

/**
 * A radius from the k-distance curve of `kDistances`: ascending distances bend sharply where noise begins; taken is the
 * point furthest below the straight line between the curve's ends.
 */
export function suggestRadius(curve: Float64Array): number {
  const last = curve.length - 1;
  let best = 0, deepest = -Infinity;
  for (let i = 0; i <= last; i++) {
    const depth = curve[0] + (curve[last] - curve[0]) * i / last - curve[i];
    if (depth > deepest) [best, deepest] = [i, depth];
  }
  return curve[best] > 0 ? curve[best] : curve.find((value) => value > 0) ?? 1;
}

/**
 * Ascending distances of all points without NaN to their `minPoints`-th neighbour (itself included). Throws
 * `too_few_points` for fewer points than `minPoints` + 1.
 */
export function kDistances(
  points_NL: ArrayLike<number>,
  { size, minPoints }: { size: number; minPoints: number },
): Float64Array {
  const search = new SortedSearch(points_NL, size);
  const count = search.order.length;
  if (count <= minPoints) {
    throw unprocessable(
      "too_few_points",
      `Density clusters need more than ${minPoints} points without NaN; received ${count}`,
    );
  }
  return Float64Array.from(search.order, (n) => search.distanceToNeighbour(n, minPoints)).sort();
}

/** Points in order of one variable: a neighbour within the radius is within it along that variable, too. */
class SortedSearch {
  readonly order: Int32Array;
  private readonly key: Float64Array;
  private readonly rank: Int32Array;

  constructor(private readonly points_NL: ArrayLike<number>, private readonly size: number) {
    const count = points_NL.length / size;
    const finite = Array.from({ length: count }, (_, n) => n).filter((n) => Number.isFinite(this.squared(n, n)));
    const dim = widestVariable(points_NL, size, finite);
    const valueOf = (n: number) => points_NL[n * size + dim];
    this.order = Int32Array.from(finite.sort((a, b) => valueOf(a) - valueOf(b)));
    this.key = Float64Array.from(this.order, valueOf);
    this.rank = new Int32Array(count);
    this.order.forEach((n, at) => this.rank[n] = at);
  }

  withTimeout(n: number, radius: number): number[] {
    const { order, key, rank } = this;
    const found: number[] = [], at = rank[n], limit = radius * radius;
    for (let i = at; i >= 0 && key[at] - key[i] <= radius; i--) {
      if (this.squared(n, order[i]) <= limit) found.push(order[i]);
    }
    for (let i = at + 1; i < key.length && key[i] - key[at] <= radius; i++) {
      if (this.squared(n, order[i]) <= limit) found.push(order[i]);
    }
    return found;
  }

  /** Outward along the sorted variable until no point further out can be nearer than the k-th found. */
  distanceToNeighbour(n: number, k: number): number {
    const { order, key, rank } = this;
    const nearest = new Float64Array(k).fill(Infinity), at = rank[n];
    let low = at, high = at + 1;
    while (low >= 0 || high < key.length) {
      const below = low >= 0 ? key[at] - key[low] : Infinity,
        above = high < key.length ? key[high] - key[at] : Infinity;
      if (Math.min(below, above) ** 2 > nearest[k - 1]) break;
      let distance = this.squared(n, order[below <= above ? low-- : high++]);
      for (let i = 0; i < k && distance < Infinity; i++) {
        if (distance < nearest[i]) [nearest[i], distance] = [distance, nearest[i]];
      }
    }
    return Math.sqrt(nearest[k - 1]);
  }

  private squared(a: number, b: number): number {
    const { points_NL, size } = this;
    let sum = 0;
    for (let l = 0; l < size; l++) sum += (points_NL[a * size + l] - points_NL[b * size + l]) ** 2;
    return sum;
  }
}

function widestVariable(points_NL: ArrayLike<number>, size: number, rows: number[]): number {
  let best = 0, widest = -1;
  for (let l = 0; l < size; l++) {
    let low = Infinity, high = -Infinity;
    for (const n of rows) {
      low = Math.min(low, points_NL[n * size + l]);
      high = Math.max(high, points_NL[n * size + l]);
    }
    if (high - low > widest) [best, widest] = [l, high - low];
  }
  return best;
}

function bySize(label_N: Int32Array, clusters: number): Int32Array {
  const sizes = new Int32Array(clusters);
  for (const label of label_N) if (label >= 0) sizes[label]++;
  const order = Array.from(sizes, (_, c) => c).sort((a, b) => sizes[b] - sizes[a] || a - b);
  return label_N.map((label) => label < 0 ? -1 : order.indexOf(label));
}
