/** A numeric array from the service; missing values are NaN. */
export interface Grid {
  shape: number[];
  data: Float32Array<ArrayBuffer>;
}

/** JSON whose `{dtype, shape, data}` leaves became arrays. */
export type Tree = Grid | string | number | boolean | null | undefined | Tree[] | { [key: string]: Tree };

export function isGrid(value: unknown): value is Grid {
  return typeof value === "object" && value !== null && (value as Grid).data instanceof Float32Array;
}

/** Turns every `{dtype, shape, data}` of an answer into a typed array, null into NaN. */
export function reviveArrays(value: unknown): Tree {
  if (Array.isArray(value)) return value.map(reviveArrays);
  if (typeof value !== "object" || value === null) return value as Tree;
  const { dtype, shape, data } = value as { dtype?: unknown; shape?: number[]; data?: (number | null)[] };
  if (typeof dtype === "string" && Array.isArray(shape) && Array.isArray(data)) {
    return { shape, data: Float32Array.from(data, (item) => item ?? NaN) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, reviveArrays(item)]));
}

/** Percentiles of more values than this are taken from an even sample: a glance must not cost a frame. */
const MOST_SORTED = 1 << 15;

/** The finite values in ascending order; of very many, an even sample. */
export function sortedFinite(values: ArrayLike<number>): Float32Array {
  const step = Math.max(1, Math.floor(values.length / MOST_SORTED));
  const kept = new Float32Array(Math.ceil(values.length / step));
  let count = 0;
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) kept[count++] = values[i];
  return kept.subarray(0, count).sort();
}

/** Linear-interpolation percentiles of ascending values; NaN for none. */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (sorted.length === 0) return NaN;
  const at = Math.min(Math.max(percent, 0), 100) / 100 * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** Smallest and largest finite value over several arrays; [0, 1] when there is none. */
export function extent(...arrays: ArrayLike<number>[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const values of arrays) {
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i])) continue;
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
  }
  return low <= high ? [low, high] : [0, 1];
}
