import { unprocessable } from "../base/errors.ts";
import { createRandom, type Random } from "../base/random.ts";
import { type CovarianceKind, expectation, maximisation, type MixtureState } from "./gmm_state.ts";
import { kMeansPlusPlus } from "./kmeans_plus_plus.ts";

export interface GmmOptions {
  components: number;
  seed: number;
  covariance?: CovarianceKind;
  /** Starts from different k-means++ centres; default 10. */
  starts?: number;
  /** Fewer starts and steps, for comparing numbers of components. */
  quick?: boolean;
}

/** A fitted mixture; components in order of falling weight, so that the same data and seed give the same numbers. */
export interface Gmm extends MixtureState {
  /** The likeliest component of each point, -1 for a point with a NaN. */
  labels_N: Int32Array;
  /** N x K; NaN for a point with a NaN. */
  responsibilities_NK: Float64Array;
  /** Mean log-likelihood per point, in nats. */
  logLikelihood: number;
  /** Bayesian information criterion: smaller is better. */
  bic: number;
}

/** Work of one step (points x components x operations) beyond which an even selection of the points is fitted. */
const MOST_WORK = 4e6, LEAST_POINTS_A_COMPONENT = 30;
/** All starts take the short steps; the best few go on until they gain no more than the tolerance. */
const THOROUGH = { starts: 10, shortSteps: 40, finalists: 3, longSteps: 500 };
const QUICK = { starts: 3, shortSteps: 30, finalists: 1, longSteps: 100 };
const TOLERANCE = 1e-6;

/**
 * Mixture of normal distributions by expectation maximisation, from several k-means++ starts. The data are centred
 * and divided by one scale inside, so that the regularisation means the same in every unit. Throws `too_few_points`
 * for more components than distinct points without NaN.
 */
export function fitGmm(points_NL: ArrayLike<number>, size: number, options: GmmOptions): Gmm {
  const kept = rowsWithoutNan(points_NL, size);
  requireDistinct(kept.rows_NL, size, options.components);
  const { scaled_NL, centre_L, scale } = standardise(kept.rows_NL, size);
  const count = scaled_NL.length / size;
  const state = ordered(bestOfStarts(thinned(scaled_NL, size, options.components), size, options));
  const responsibilities_NK = new Float64Array(count * options.components);
  const score = expectation(scaled_NL, state, responsibilities_NK) - size * Math.log(scale);
  return {
    size,
    weights_K: state.weights_K,
    means_KL: state.means_KL.map((value, i) => value * scale + centre_L[i % size]),
    covariances_KLL: state.covariances_KLL.map((value) => value * scale * scale),
    ...spreadOut(responsibilities_NK, kept.index, points_NL.length / size),
    logLikelihood: score,
    bic: -2 * score * count + freeParameters(size, options) * Math.log(count),
  };
}

interface Run {
  state: MixtureState;
  responsibilities_NK: Float64Array;
  logLikelihood: number;
}

function bestOfStarts(points_NL: Float64Array, size: number, options: GmmOptions): MixtureState {
  const { components, covariance: kind = "full", seed } = options;
  const effort = options.quick ? QUICK : THOROUGH;
  const random = createRandom(seed);
  const runs: Run[] = [];
  for (let start = 0; start < (options.starts ?? effort.starts); start++) {
    const responsibilities_NK = startingResponsibilities(points_NL, { size, centres: components, random });
    const state = maximisation(points_NL, responsibilities_NK, { size, kind, components });
    runs.push(climb(points_NL, { state, responsibilities_NK, logLikelihood: NaN }, kind, effort.shortSteps));
  }
  runs.sort((a, b) => b.logLikelihood - a.logLikelihood);
  const finalists = runs.slice(0, effort.finalists).map((run) => climb(points_NL, run, kind, effort.longSteps));
  return finalists.reduce((best, run) => run.logLikelihood > best.logLikelihood ? run : best).state;
}

function climb(points_NL: Float64Array, run: Run, kind: CovarianceKind, steps: number): Run {
  let { state } = run;
  let logLikelihood = -Infinity;
  const { responsibilities_NK } = run;
  const shape = { size: state.size, kind, components: state.weights_K.length };
  for (let step = 0; step < steps; step++) {
    const next = expectation(points_NL, state, responsibilities_NK);
    const gained = next - logLikelihood;
    logLikelihood = next;
    if (Math.abs(gained) < TOLERANCE) break;
    state = maximisation(points_NL, responsibilities_NK, shape);
  }
  return { state, responsibilities_NK, logLikelihood: expectation(points_NL, state, responsibilities_NK) };
}

/** Each point belongs wholly to the nearest k-means++ centre. */
function startingResponsibilities(
  points_NL: Float64Array,
  { size, centres, random }: { size: number; centres: number; random: Random },
): Float64Array {
  const chosen = kMeansPlusPlus(points_NL, { size, centres, random });
  const count = points_NL.length / size;
  const responsibilities_NK = new Float64Array(count * centres);
  for (let n = 0; n < count; n++) {
    let nearest = 0, least = Infinity;
    for (let k = 0; k < centres; k++) {
      let d = 0;
      for (let l = 0; l < size; l++) d += (points_NL[n * size + l] - points_NL[chosen[k] * size + l]) ** 2;
      if (d < least) [nearest, least] = [k, d];
    }
    responsibilities_NK[n * centres + nearest] = 1;
  }
  return responsibilities_NK;
}

function thinned(points_NL: Float64Array, size: number, components: number): Float64Array {
  const count = points_NL.length / size;
  const affordable = Math.floor(MOST_WORK / (components * (20 + size * size)));
  const kept = Math.max(affordable, LEAST_POINTS_A_COMPONENT * components);
  if (count <= kept) return points_NL;
  return Float64Array.from({ length: kept * size }, (_, i) => {
    const n = Math.floor((Math.floor(i / size) + 0.5) * count / kept);
    return points_NL[n * size + i % size];
  });
}

/** Falling weight; equal weights by their means, variable by variable. */
function ordered({ size, weights_K, means_KL, covariances_KLL }: MixtureState): MixtureState {
  const order = Array.from(weights_K, (_, c) => c).sort((a, b) => {
    let difference = weights_K[b] - weights_K[a];
    for (let l = 0; l < size && difference === 0; l++) difference = means_KL[a * size + l] - means_KL[b * size + l];
    return difference;
  });
  const pick = (values: Float64Array, width: number) =>
    Float64Array.from(values, (_, i) => values[order[Math.floor(i / width)] * width + i % width]);
  return {
    size,
    weights_K: pick(weights_K, 1),
    means_KL: pick(means_KL, size),
    covariances_KLL: pick(covariances_KLL, size * size),
  };
}

function freeParameters(size: number, { components, covariance = "full" }: GmmOptions): number {
  const triangle = size * (size + 1) / 2;
  const covariances = {
    full: components * triangle,
    tied: triangle,
    diagonal: components * size,
    spherical: components,
  };
  return covariances[covariance] + components * size + components - 1;
}

function rowsWithoutNan(points_NL: ArrayLike<number>, size: number): { rows_NL: Float64Array; index: Int32Array } {
  const index: number[] = [];
  for (let n = 0; n < points_NL.length / size; n++) {
    let finite = true;
    for (let l = 0; l < size; l++) finite &&= Number.isFinite(points_NL[n * size + l]);
    if (finite) index.push(n);
  }
  const rows_NL = new Float64Array(index.length * size);
  for (let i = 0; i < rows_NL.length; i++) rows_NL[i] = points_NL[index[Math.floor(i / size)] * size + i % size];
  return { rows_NL, index: Int32Array.from(index) };
}

function requireDistinct(rows_NL: Float64Array, size: number, components: number): void {
  const distinct = new Set<string>();
  for (let at = 0; at < rows_NL.length && distinct.size < components; at += size) {
    distinct.add(rows_NL.subarray(at, at + size).join());
  }
  if (components >= 1 && distinct.size >= components) return;
  throw unprocessable(
    "too_few_points",
    `A mixture of ${components} components needs 1 or more components and as many distinct points without NaN; received ` +
      `${distinct.size} of ${rows_NL.length / size}`,
  );
}

function standardise(rows_NL: Float64Array, size: number) {
  const count = rows_NL.length / size;
  const centre_L = new Float64Array(size);
  for (let i = 0; i < rows_NL.length; i++) centre_L[i % size] += rows_NL[i] / count;
  let squares = 0;
  for (let i = 0; i < rows_NL.length; i++) squares += (rows_NL[i] - centre_L[i % size]) ** 2;
  const scale = Math.sqrt(squares / rows_NL.length) || 1;
  return { scaled_NL: rows_NL.map((value, i) => (value - centre_L[i % size]) / scale), centre_L, scale };
}

/** Responsibilities and labels for all points again, with NaN and -1 for those left out. */
function spreadOut(kept_NK: Float64Array, index: Int32Array, count: number) {
  const k = kept_NK.length / index.length;
  const responsibilities_NK = new Float64Array(count * k).fill(NaN);
  const labels_N = new Int32Array(count).fill(-1);
  index.forEach((n, row) => {
    const own = kept_NK.subarray(row * k, (row + 1) * k);
    responsibilities_NK.set(own, n * k);
    labels_N[n] = own.indexOf(Math.max(...own));
  });
  return { responsibilities_NK, labels_N };
}
