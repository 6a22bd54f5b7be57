import { unprocessable } from "../base/errors.ts";

/** Axis values may differ by this share of the axis' range and count as the same. */
const TOLERANCE = 1e-3;
const LEAST_STEPS = 2;

/** New value = sum of weight x old value over the listed steps. */
export type Combination = { steps: number[]; weights: number[] };

/** Steps of an axis between two turns, both turns included. */
interface Sweep {
  first: number;
  last: number;
  rising: boolean;
}

/** Whether two axes have the same values within a thousandth of the range. */
export function sameAxisValues(wanted: readonly number[], met: readonly number[]): boolean {
  const tolerance = toleranceOf(wanted);
  return wanted.length === met.length && wanted.every((value, s) => Math.abs(value - met[s]) <= tolerance);
}

/**
 * The values of the first axis that lie within the range of every other. Throws `axes_do_not_overlap` where these are
 * fewer than two.
 */
export function commonValues(axes: readonly (readonly number[])[]): number[] {
  const [first] = axes;
  const ranges = axes.map((values) => ({ ...rangeOf(values), tolerance: toleranceOf(values) }));
  const low = Math.max(...ranges.map((range) => range.low - range.tolerance));
  const high = Math.min(...ranges.map((range) => range.high + range.tolerance));
  const common = first.filter((value) => value >= low && value <= high);
  if (common.length >= Math.min(LEAST_STEPS, first.length)) return common;
  const shown = ranges.map((range) => `${short(range.low)} to ${short(range.high)}`).join(", ");
  throw unprocessable("axes_do_not_overlap", `Spectral axes are ${shown}; expected axes that overlap`);
}

/**
 * Linear interpolation of values along an axis at other axis values, sweep by sweep where the axis turns. Throws
 * `axes_do_not_overlap` where a value lies outside its sweep and `sweeps_differ` where the two do not turn alike.
 */
export function interpolationAt(axis: readonly number[], wanted: readonly number[]): Combination[] {
  const [sweeps, targets] = [sweepsOf(axis), sweepsOf(wanted)];
  const isAlike = sweeps.length === targets.length && sweeps.every(({ rising }, k) => rising === targets[k].rising);
  if (!isAlike && wanted.length > 1) {
    throw unprocessable(
      "sweeps_differ",
      `Spectral axis has ${directions(sweeps)}; expected ${directions(targets)}, as in the axis to resample to`,
    );
  }
  let k = 0;
  return wanted.map((value, s) => {
    while (k < targets.length - 1 && s > targets[k].last) k++;
    return between(axis, sweeps[Math.min(k, sweeps.length - 1)], value);
  });
}

function between(axis: readonly number[], { first, last, rising }: Sweep, value: number): Combination {
  const [start, end] = rising ? [first, last] : [last, first];
  if (value < axis[start] || value > axis[end]) {
    const nearest = value < axis[start] ? start : end;
    if (Math.abs(value - axis[nearest]) <= toleranceOf(axis)) return { steps: [nearest], weights: [1] };
    throw unprocessable(
      "axes_do_not_overlap",
      `Axis value is ${short(value)}; expected one from ${short(axis[start])} to ${
        short(axis[end])
      }, the sweep's range`,
    );
  }
  // Bisection: `left` is at or below the value, `right` above it or the end.
  let [left, right] = [start, end];
  while (Math.abs(right - left) > 1) {
    const middle = (left + right) >> 1;
    if (axis[middle] <= value) left = middle;
    else right = middle;
  }
  const weight = axis[right] > axis[left] ? (value - axis[left]) / (axis[right] - axis[left]) : 0;
  const parts = [[left, 1 - weight], [right, weight]].filter(([, share]) => share > 0);
  return { steps: parts.map(([step]) => step), weights: parts.map(([, share]) => share) };
}

/** A turn counts where the axis comes back by more than the tolerance. */
function sweepsOf(axis: readonly number[]): Sweep[] {
  const tolerance = toleranceOf(axis);
  const sweeps: Sweep[] = [];
  let [first, low, high] = [0, 0, 0];
  let rising: boolean | undefined;
  axis.forEach((value, s) => {
    if (value > axis[high]) high = s;
    if (value < axis[low]) low = s;
    rising ??= axis[high] - axis[first] > tolerance ? true : axis[first] - axis[low] > tolerance ? false : undefined;
    const turn = rising ? high : low;
    if (rising === undefined || Math.abs(axis[turn] - value) <= tolerance) return;
    sweeps.push({ first, last: turn, rising });
    [first, low, high, rising] = [turn, s, s, !rising];
  });
  return [...sweeps, { first, last: axis.length - 1, rising: rising ?? true }];
}

function directions(sweeps: readonly Sweep[]): string {
  return `${sweeps.length} sweep${sweeps.length === 1 ? "" : "s"} (${
    sweeps.map(({ rising }) => rising ? "up" : "down").join(", ")
  })`;
}

function toleranceOf(values: readonly number[]): number {
  const { low, high } = rangeOf(values);
  return TOLERANCE * Math.max(high - low, Number.MIN_VALUE);
}

function rangeOf(values: readonly number[]): { low: number; high: number } {
  return {
    low: values.reduce((least, v) => Math.min(least, v), Infinity),
    high: values.reduce((most, v) => Math.max(most, v), -Infinity),
  };
}

const short = (value: number): number => Number(value.toPrecision(4));
