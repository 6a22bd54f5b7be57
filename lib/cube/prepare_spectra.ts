import { unprocessable } from "../base/errors.ts";
import type { Axis } from "../schemas/cube.ts";
import type { Preparation } from "../schemas/preparation.ts";
import { type Combination, interpolationAt } from "./resample_axis.ts";

/** A step that works on each spectrum alone, whatever its pixel. */
export type SpectralPreparation = Exclude<Preparation, { step: "crop" | "binPixels" }>;

/** A spectral step made ready for one axis. */
export interface SpectralPlan {
  axis: Axis;
  /** Spectra one after another, N x old points, to N x new points. */
  apply(values_NS: Float32Array): Float32Array;
  /** The same for masks: a new value is repaired where any value that it is made of was. */
  applyMask(mask_NS: Uint8Array): Uint8Array;
}

/**
 * Throws `preparation_empty`, `sweeps_do_not_fit`, `sweeps_differ`, `axes_do_not_overlap`, `background_range` with the
 * numbers when the step does not fit the axis.
 */
export function planSpectral(axis: Axis, preparation: SpectralPreparation): SpectralPlan {
  if (preparation.step === "background") return planBackground(axis, preparation.parameters);
  const combinations = combinationsOf(axis, preparation);
  if (combinations.length === 0) {
    const { length } = axis.values;
    throw unprocessable("preparation_empty", `Step ${preparation.step} leaves none of the ${length} spectral steps`);
  }
  const values = combinations.map((c) => dot(c, axis.values) / c.weights.reduce((sum, w) => sum + w, 0));
  return {
    axis: { ...axis, values },
    apply: (values_NS) => combine(values_NS, axis.values.length, combinations),
    applyMask: (mask_NS) =>
      Uint8Array.from(combine(Float32Array.from(mask_NS), axis.values.length, combinations), (m) => m > 0 ? 1 : 0),
  };
}

function combinationsOf(axis: Axis, preparation: Exclude<SpectralPreparation, { step: "background" }>): Combination[] {
  const points = axis.values.length;
  switch (preparation.step) {
    case "spectralRange": {
      const { every } = preparation.parameters;
      const inside = stepsWithin(axis, preparation.parameters);
      return inside.filter((_, i) => i % every === 0).map((s) => ({ steps: [s], weights: [1] }));
    }
    case "averageSweeps":
      return averages(points, preparation.parameters.sweeps);
    case "resample":
      return Array.from({ length: preparation.parameters.points }, (_, i) => interpolation(points, preparation, i));
    case "resampleTo":
      return interpolationAt(axis.values, preparation.parameters.values);
    case "binSpectral": {
      const { factor } = preparation.parameters;
      return Array.from({ length: Math.floor(points / factor) }, (_, i) => ({
        steps: Array.from({ length: factor }, (_, k) => i * factor + k),
        weights: new Array(factor).fill(1),
      }));
    }
  }
}

function averages(points: number, sweeps: number): Combination[] {
  if (points % sweeps !== 0) {
    throw unprocessable("sweeps_do_not_fit", `${points} spectral steps cannot be ${sweeps} sweeps of equal length`);
  }
  const length = points / sweeps;
  return Array.from({ length }, (_, i) => ({
    steps: Array.from({ length: sweeps }, (_, k) => k * length + i),
    weights: new Array(sweeps).fill(1 / sweeps),
  }));
}

function interpolation(points: number, { parameters }: { parameters: { points: number } }, i: number): Combination {
  const at = parameters.points === 1 ? 0 : i * (points - 1) / (parameters.points - 1);
  const left = Math.min(Math.floor(at), Math.max(0, points - 2));
  const right = Math.min(left + 1, points - 1);
  // Zero weights are left out, so that they neither spread masks nor turn a NaN into many.
  const parts = [[left, 1 - (at - left)], [right, at - left]].filter(([, weight]) => weight > 0);
  return { steps: parts.map(([s]) => s), weights: parts.map(([, weight]) => weight) };
}

function stepsWithin(axis: Axis, { from, to }: { from: number; to: number }): number[] {
  const [low, high] = from <= to ? [from, to] : [to, from];
  return [...axis.values.keys()].filter((s) => axis.values[s] >= low && axis.values[s] <= high);
}

function dot({ steps, weights }: Combination, values: ArrayLike<number>, start = 0): number {
  let sum = 0;
  for (let k = 0; k < steps.length; k++) sum += weights[k] * values[start + steps[k]];
  return sum;
}

function combine(values_NS: Float32Array, points: number, combinations: readonly Combination[]): Float32Array {
  const count = values_NS.length / points;
  const result = new Float32Array(count * combinations.length);
  for (let n = 0, at = 0; n < count; n++) for (const c of combinations) result[at++] = dot(c, values_NS, n * points);
  return result;
}

type Background = Extract<Preparation, { step: "background" }>["parameters"];

function planBackground(axis: Axis, parameters: Background): SpectralPlan {
  const powerLaw = parameters.model === "powerLaw";
  const inside = stepsWithin(axis, parameters).filter((s) => !powerLaw || axis.values[s] > 0);
  const needed = parameters.model === "constant" ? 1 : 2;
  if (inside.length < needed || (powerLaw && axis.values.some((x) => x <= 0))) {
    throw unprocessable(
      "background_range",
      `A ${parameters.model} background needs ${needed} spectral steps from ${parameters.from} to ${parameters.to}` +
        `${powerLaw ? " and a positive axis" : ""}; there are ${inside.length} of ${axis.values.length}`,
    );
  }
  const subtract = (spectrum_S: Float32Array) => subtractBackground(spectrum_S, axis.values, inside, parameters.model);
  return {
    axis,
    apply: (values_NS) => {
      const result = values_NS.slice();
      const points = axis.values.length;
      for (let at = 0; at < result.length; at += points) subtract(result.subarray(at, at + points));
      return result;
    },
    applyMask: (mask_NS) => mask_NS.slice(),
  };
}

function subtractBackground(
  spectrum_S: Float32Array,
  axis: readonly number[],
  inside: readonly number[],
  model: Background["model"],
): void {
  if (model === "powerLaw") {
    // A x^r is a line in logarithms; counts that are not positive tell nothing about it.
    const positive = inside.filter((s) => spectrum_S[s] > 0);
    if (positive.length < 2) return;
    const line = fitLine(positive.map((s) => Math.log(axis[s])), positive.map((s) => Math.log(spectrum_S[s])));
    for (let s = 0; s < axis.length; s++) spectrum_S[s] -= Math.exp(line.offset + line.slope * Math.log(axis[s]));
    return;
  }
  const values = inside.map((s) => spectrum_S[s]);
  const { offset, slope } = model === "linear"
    ? fitLine(inside.map((s) => axis[s]), values)
    : { offset: values.reduce((sum, v) => sum + v, 0) / values.length, slope: 0 };
  for (let s = 0; s < axis.length; s++) spectrum_S[s] -= offset + slope * axis[s];
}

function fitLine(x: readonly number[], y: readonly number[]): { offset: number; slope: number } {
  const meanX = x.reduce((sum, v) => sum + v, 0) / x.length;
  const meanY = y.reduce((sum, v) => sum + v, 0) / y.length;
  let [sxx, sxy] = [0, 0];
  for (let i = 0; i < x.length; i++) sxx += (x[i] - meanX) ** 2, sxy += (x[i] - meanX) * (y[i] - meanY);
  const slope = sxx > 0 ? sxy / sxx : 0;
  return { offset: meanY - slope * meanX, slope };
}
