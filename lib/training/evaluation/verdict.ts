import type { Direction } from "../../schemas/job.ts";
import type { Scores } from "../../schemas/model.ts";

/** A gain of 0.12 means an error (mse) 12 % smaller than the baseline's. */
type Gain = { value: number; interval?: [number, number] };

/**
 * Whether a relation, and a nonlinear one, is supported on the held-out pixels, in words with the gain over the baseline
 * and its 90 % interval: `im2spec beats ridge regression on held-out pixels by 12 % (4 to 19): …`.
 */
export function verdictOf(direction: Direction, scores: Omit<Scores, "verdict">): string {
  const gain = (name: keyof typeof GAIN_OVER): Gain | undefined => {
    const [model, baseline] = [scores.test.mse, scores.baselines[name]?.mse];
    if (model === null || baseline === null || baseline === undefined || baseline === 0) return undefined;
    return { value: 1 - model / baseline, interval: scores.intervals?.[GAIN_OVER[name]] };
  };
  const [mean, ridge] = [gain("mean"), gain("ridge")];
  if (!mean || !ridge) return "The scores are not finite: nothing can be said";
  const sentences = [overRidge(direction, ridge, won(mean))];
  if (!won(ridge)) sentences.push(linearRelation(scores));
  if (!won(mean)) sentences.push(`${direction} does not beat the mean training target for certain (${percent(mean)})`);
  const best = bestBaseline(scores);
  const gained = best && best !== "ridge" && gain(best);
  if (gained) sentences.push(overBest(direction, BASELINE_NAMES[best], gained));
  return sentences.join(". ");
}

const BASELINE_NAMES = {
  ridge: "ridge regression",
  nearest: "the nearest training input",
  kernelRidge: "kernel ridge regression",
  trees: "a forest of extremely randomised trees",
} as const;
type Baseline = keyof typeof BASELINE_NAMES;

/** The baseline with the smallest held-out error, the mean apart. */
function bestBaseline({ baselines }: Omit<Scores, "verdict">): Baseline | undefined {
  const mseOf = (name: Baseline) => baselines[name]?.mse ?? Infinity;
  const best = (Object.keys(BASELINE_NAMES) as Baseline[]).reduce((a, b) => mseOf(b) < mseOf(a) ? b : a);
  return mseOf(best) < Infinity ? best : undefined;
}

function overBest(direction: Direction, name: string, gain: Gain): string {
  const gained = percent(gain);
  if (lost(gain)) return `${name[0].toUpperCase()}${name.slice(1)} does better than ${direction} (${gained})`;
  if (won(gain)) return `${direction} beats the best baseline, ${name}, by ${gained}`;
  return `${direction} and the best baseline, ${name}, cannot be told apart (${gained})`;
}

/** Names of the intervals of the gains over each baseline. */
export const GAIN_OVER = {
  mean: "gainOverMean",
  ridge: "gainOverRidge",
  nearest: "gainOverNearest",
  kernelRidge: "gainOverKernelRidge",
  trees: "gainOverTrees",
} as const;
/** Name of the interval of what ridge regression gains over the mean. */
export const RIDGE_OVER_MEAN = "ridgeGainOverMean";

/** Whether there is a linear relation at all: what ridge regression gains over the mean. */
function linearRelation({ baselines, intervals }: Omit<Scores, "verdict">): string {
  const [ridge, mean] = [baselines.ridge.mse, baselines.mean.mse];
  if (ridge === null || !mean) return "Nothing can be said on a linear relation";
  const gain = { value: 1 - ridge / mean, interval: intervals?.[RIDGE_OVER_MEAN] };
  return won(gain)
    ? `Ridge regression beats the mean training target by ${percent(gain)}: a linear relation is supported`
    : `Ridge regression does not beat the mean training target for certain (${
      percent(gain)
    }): no relation is supported`;
}

function overRidge(direction: Direction, gain: Gain, beatsMean: boolean): string {
  const gained = percent(gain);
  if (!gain.interval) {
    return `${direction} gains ${gained} over ridge regression on held-out pixels; with so few blocks there is no interval ` +
      "and no verdict on a nonlinear relation";
  }
  if (gain.interval[0] > 0) {
    return `${direction} beats ridge regression on held-out pixels by ${gained}` +
      (beatsMean ? ": a nonlinear relation is supported" : "");
  }
  if (gain.interval[1] < 0) {
    return `${direction} loses to ridge regression on held-out pixels (${gained}): a nonlinear ` +
      "relation is not supported";
  }
  return `${direction} and ridge regression cannot be told apart on held-out pixels (${gained}): a nonlinear ` +
    "relation is not supported";
}

function won(gain: Gain): boolean {
  return (gain.interval ? gain.interval[0] : gain.value) > 0;
}

function lost(gain: Gain): boolean {
  return (gain.interval ? gain.interval[1] : gain.value) < 0;
}

function percent({ value, interval }: Gain): string {
  const round = (x: number) => Math.round(100 * x);
  return `${round(value)} %${interval ? ` (${round(interval[0])} to ${round(interval[1])})` : ""}`;
}
