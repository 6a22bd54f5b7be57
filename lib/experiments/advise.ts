import { erf } from "../analysis/erf.ts";
import { LOOP_PARAMETERS, type LoopParameter, loopParameters } from "../analysis/loop_parameters.ts";
import { unprocessable } from "../base/errors.ts";
import type { ExperimentTarget, Strategy } from "../schemas/experiment.ts";
import {
  bestPoints,
  type Candidates,
  type ChosenPoint,
  type Criterion,
  drawnPixels,
  farApart,
  freePixels,
  largeAndApart,
  randomPoints,
} from "./choose_points.ts";
import { NORMAL_90 } from "./choose_constants.ts";
import { gridPoints } from "./grid_points.ts";
import { firstOf, type Measured } from "./measured.ts";
import type { PixelFeatures } from "./pixel_features.ts";
import { fitSurrogate, type Surrogate } from "./surrogate.ts";

export interface AdviceInput {
  features: PixelFeatures;
  strategy: Strategy;
  target?: ExperimentTarget;
  /** Of the spectral axis; needed for targets that are loop parameters. */
  axis: ArrayLike<number>;
  seed: number;
  measured: Measured;
  /** Pixels that were handed out and are not measured: they are not proposed, and others keep away from them. */
  pending?: Int32Array;
  /** 1 where a pixel is never proposed; rows x cols. */
  forbidden_HW?: Uint8Array;
  /** How many of the measured points an earlier model had learned from: the rest are predicted before they are learned. */
  learned: number;
  /** Points to choose. */
  count: number;
  /** The model of the first so many measured points, where it may be known already. */
  modelOf?(count: number): Surrogate;
}

export interface Advice {
  points: ChosenPoint[];
  trainedOn: number;
  /** Of the points that were not learned from before: r2 around their own mean, and share inside the 90 % band. */
  before?: { points: number; r2: number | null; mse: number; coverage: number };
}

/** Fewer measured points make no model. */
export const LEAST_POINTS = 8;
const NONE = new Int32Array();

/** Where to measure next, from what was measured; the same for the same seed and history. */
export function advise(input: AdviceInput): Advice {
  const { features, measured, seed, count, strategy, pending = NONE } = input;
  const trainedOn = measured.pixels.length;
  const known = [...measured.pixels, ...pending];
  const free = freePixels(features, known, input.forbidden_HW);
  const before = input.learned >= LEAST_POINTS && input.learned < trainedOn ? predictedBefore(input) : undefined;
  if (strategy === "random") return { points: randomPoints(free, count, seed + trainedOn), trainedOn, before };
  if (strategy === "grid") return { points: gridPoints(free, features, { count, seed }), trainedOn, before };
  const pixels = drawnPixels(free, seed + trainedOn);
  const candidates = { features, pixels, known };
  if (trainedOn < LEAST_POINTS) return { points: firstPoints(candidates, count, seed), trainedOn };
  return { points: bestPoints(pixels, criteriaOf(input, candidates), count), trainedOn, before };
}

function criteriaOf(input: AdviceInput, candidates: Candidates): Criterion[] {
  const { measured, strategy, pending = NONE } = input;
  const { pixels } = candidates;
  const space = () => farApart(candidates, "position");
  if (strategy === "space") return [space()];
  if (strategy === "novelty") return [farApart(candidates, "patch")];
  if (strategy === "target") return [towardsTarget(input, candidates)];
  const model = modelOf(input, measured.pixels.length);
  const uncertain = largeAndApart(pixels, model.deviation(pixels), { correlation: model.correlation, pending });
  return strategy === "uncertainty" ? [uncertain] : [space(), uncertain];
}

/** Spread over the map and over the kinds of patches there are, around a first point that the seed draws. */
function firstPoints(candidates: Candidates, count: number, seed: number): ChosenPoint[] {
  const { pixels, known } = candidates;
  const first = known.length > 0 || pixels.length === 0 || count === 0 ? [] : randomPoints(pixels, 1, seed);
  const rest = pixels.filter((pixel) => pixel !== first[0]?.pixel);
  const from = { ...candidates, pixels: rest, known: [...Array.from(known), ...first.map(({ pixel }) => pixel)] };
  return [
    ...first,
    ...bestPoints(rest, [farApart(from, "position"), farApart(from, "patch")], count - first.length),
  ];
}

/** The model of what had been learned, tried on what came after. */
function predictedBefore(input: AdviceInput): Advice["before"] {
  const { measured: { pixels, values_NO }, learned } = input;
  const outputs = values_NO.length / pixels.length;
  const model = modelOf(input, learned);
  const later = pixels.subarray(learned), target = values_NO.subarray(learned * outputs);
  const mean = model.mean(later), deviation = model.deviation(later);
  const mean_O = new Float64Array(outputs);
  target.forEach((value, at) => mean_O[at % outputs] += value / later.length);
  let [squares, total, inside] = [0, 0, 0];
  target.forEach((value, at) => {
    const error = Math.abs(value - mean[at]);
    squares += error ** 2;
    total += (value - mean_O[at % outputs]) ** 2;
    if (error <= NORMAL_90 * model.scale * deviation[Math.floor(at / outputs)]) inside++;
  });
  const r2 = total > 0 ? 1 - squares / total : null;
  return { points: later.length, r2, mse: squares / target.length, coverage: inside / target.length };
}

function modelOf({ modelOf: known, features, measured, seed }: AdviceInput, count: number): Surrogate {
  return known?.(count) ?? fitSurrogate(features, firstOf(measured, count), seed);
}

/** Expected improvement of a scalar over the best that was measured. */
function towardsTarget(input: AdviceInput, candidates: Candidates): Criterion {
  const { features, measured, seed, pending = NONE } = input;
  const { pixels } = candidates;
  const wanted = targetValues(input);
  const finite = [...wanted.keys()].filter((n) => Number.isFinite(wanted[n]));
  if (finite.length < LEAST_POINTS) return farApart(candidates, "position");
  const values_NO = Float64Array.from(finite, (n) => wanted[n]);
  const model = fitSurrogate(features, { pixels: Int32Array.from(finite, (n) => measured.pixels[n]), values_NO }, seed);
  const gain = expectedImprovement(model, pixels, Math.max(...values_NO));
  return largeAndApart(pixels, gain, { correlation: model.correlation, pending });
}

function expectedImprovement(model: Surrogate, pixels: Int32Array, best: number): Float64Array {
  const mean = model.mean(pixels), deviation = model.deviation(pixels);
  return mean.map((value, n) => {
    const sigma = Math.max(model.scale * deviation[n], Number.MIN_VALUE);
    const z = (value - best) / sigma;
    const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
    return sigma * (z * (1 + erf(z / Math.SQRT2)) / 2 + density);
  });
}

/** What is to be as large as possible at each measured point. Throws `target_impossible`. */
export function targetValues(
  { target, axis, measured }: Pick<AdviceInput, "target" | "axis" | "measured">,
): Float64Array {
  if (!target) throw unprocessable("target_missing", "The strategy target has no target; expected {parameter, goal}");
  const { parameter, goal } = target;
  const values = parameterValues(parameter, axis, measured);
  if (goal === "max") return values;
  return goal === "min" ? values.map((value) => -value) : values.map((value) => -Math.abs(value - goal));
}

function parameterValues(parameter: string, axis: ArrayLike<number>, { values_NO }: Measured): Float64Array {
  const points = axis.length;
  const step = /^step:([0-9]{1,5})$/.exec(parameter)?.[1];
  if (step !== undefined && Number(step) < points) {
    return Float64Array.from({ length: values_NO.length / points }, (_, n) => values_NO[n * points + Number(step)]);
  }
  const index = LOOP_PARAMETERS.indexOf(parameter as LoopParameter);
  if (index < 0) {
    const names = LOOP_PARAMETERS.join(", ");
    throw unprocessable(
      "target_impossible",
      `Target is ${parameter}; expected step:0 to step:${points - 1}, or one of ${names}`,
    );
  }
  try {
    const all = loopParameters(values_NO, axis);
    return all.filter((_, at) => at % LOOP_PARAMETERS.length === index);
  } catch (error) {
    if ((error as { code?: string }).code !== "no_loop") throw error;
    throw unprocessable(
      "target_impossible",
      `Target is ${parameter}, a loop's; the spectra are no loops: expected step:N`,
    );
  }
}
