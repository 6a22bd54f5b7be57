import { unprocessable } from "../base/errors.ts";
import { createRandom } from "../base/random.ts";

export interface NmfOptions {
  components: number;
  seed: number;
  /** Sweeps over both factors at most; default 200. */
  iterations?: number;
}

export interface Nmf {
  /** K x S, rows of unit norm, in order of falling share of the data. */
  components_KS: Float64Array;
  /** N x K; NaN for a spectrum with a NaN. */
  weights_NK: Float64Array;
  /** Subtracted from all values first, so that none is negative; 0 where none was. */
  offset: number;
  /** Norm of what is left over norm of the data, after the offset. */
  relativeResidual: number;
}

/**
 * Non-negative matrix factorisation by hierarchical alternating least squares (Cichocki and Phan, 2009): spectra are
 * sums of non-negative amounts of non-negative components. Throws `too_few_spectra` for more components than spectra
 * or points, `constant_data` where everything is equal.
 */
export function nmf(spectra_NS: ArrayLike<number>, points: number, options: NmfOptions): Nmf {
  const { components: k, seed, iterations = 200 } = options;
  const { rows, values_NS, offset } = prepare(spectra_NS, points, k);
  const count = rows.length, random = createRandom(seed);
  const mean = values_NS.reduce((a, b) => a + b, 0) / values_NS.length;
  const random_ = (length: number) =>
    Float64Array.from({ length }, () => Math.sqrt(mean / k) * (0.5 + random.uniform()));
  const weights_NK = random_(count * k), components_KS = random_(k * points);
  const norm = values_NS.reduce((sum, value) => sum + value * value, 0);
  let residual = Infinity;
  for (let turn = 0; turn < iterations; turn++) {
    updateWeights(values_NS, weights_NK, components_KS, points);
    const next = updateComponents(values_NS, weights_NK, components_KS, points, norm);
    const settled = residual - next < 1e-6 * norm;
    residual = next;
    if (settled && turn > 10) break;
  }
  const all_NK = new Float64Array(spectra_NS.length / points * k).fill(NaN);
  const sorted = normalised(weights_NK, components_KS, points);
  rows.forEach((n, row) => all_NK.set(sorted.weights_NK.subarray(row * k, (row + 1) * k), n * k));
  return {
    components_KS: sorted.components_KS,
    weights_NK: all_NK,
    offset,
    relativeResidual: Math.sqrt(Math.max(0, residual) / norm),
  };
}

function prepare(spectra_NS: ArrayLike<number>, points: number, components: number) {
  const rows: number[] = [];
  let low = Infinity, high = -Infinity;
  for (let n = 0; n < spectra_NS.length / points; n++) {
    let least = Infinity, most = -Infinity, finite = true;
    for (let i = n * points; i < (n + 1) * points; i++) {
      finite &&= Number.isFinite(spectra_NS[i]);
      least = Math.min(least, spectra_NS[i]);
      most = Math.max(most, spectra_NS[i]);
    }
    if (!finite) continue;
    rows.push(n);
    low = Math.min(low, least);
    high = Math.max(high, most);
  }
  const limit = Math.min(points, rows.length);
  if (components < 1 || components > limit) {
    throw unprocessable(
      "too_few_spectra",
      `Components must be 1 to ${limit} for ${rows.length} spectra of ${points} points without NaN; received ${components}`,
    );
  }
  if (!(high > low)) {
    throw unprocessable("constant_data", `Factorisation needs spectra that vary; received only ${low}`);
  }
  const offset = Math.min(0, low);
  const values_NS = new Float64Array(rows.length * points);
  rows.forEach((n, row) => {
    for (let s = 0; s < points; s++) values_NS[row * points + s] = spectra_NS[n * points + s] - offset;
  });
  return { rows, values_NS, offset };
}

/** One weight of each spectrum after the other to its best non-negative value, the others held. */
function updateWeights(
  values: Float64Array,
  weights_NK: Float64Array,
  components_KS: Float64Array,
  points: number,
): void {
  const k = components_KS.length / points;
  const gram = gramOfRows(components_KS, points);
  const overlap = new Float64Array(k);
  for (let n = 0; n < weights_NK.length / k; n++) {
    const own = weights_NK.subarray(n * k, (n + 1) * k);
    for (let c = 0; c < k; c++) {
      let sum = 0;
      for (let s = 0; s < points; s++) sum += values[n * points + s] * components_KS[c * points + s];
      overlap[c] = sum;
    }
    for (let c = 0; c < k; c++) {
      let sum = overlap[c];
      for (let j = 0; j < k; j++) if (j !== c) sum -= gram[c * k + j] * own[j];
      own[c] = gram[c * k + c] > 0 ? Math.max(0, sum / gram[c * k + c]) : 0;
    }
  }
}

/** The same for the components; returns the squared norm of what is left. */
function updateComponents(
  values: Float64Array,
  weights_NK: Float64Array,
  components_KS: Float64Array,
  points: number,
  norm: number,
): number {
  const k = components_KS.length / points, count = weights_NK.length / k;
  const gram = new Float64Array(k * k), overlap_KS = new Float64Array(k * points);
  for (let n = 0; n < count; n++) {
    for (let c = 0; c < k; c++) {
      const weight = weights_NK[n * k + c];
      if (weight === 0) continue;
      for (let j = 0; j < k; j++) gram[c * k + j] += weight * weights_NK[n * k + j];
      for (let s = 0; s < points; s++) overlap_KS[c * points + s] += weight * values[n * points + s];
    }
  }
  for (let c = 0; c < k; c++) {
    for (let s = 0; s < points; s++) {
      let sum = overlap_KS[c * points + s];
      for (let j = 0; j < k; j++) if (j !== c) sum -= gram[c * k + j] * components_KS[j * points + s];
      components_KS[c * points + s] = gram[c * k + c] > 0 ? Math.max(0, sum / gram[c * k + c]) : 0;
    }
  }
  const components = gramOfRows(components_KS, points);
  return norm + gram.reduce((sum, value, i) => sum + value * components[i], 0) -
    2 * overlap_KS.reduce((sum, value, i) => sum + value * components_KS[i], 0);
}

function gramOfRows(rows_KS: Float64Array, points: number): Float64Array {
  const k = rows_KS.length / points;
  return Float64Array.from({ length: k * k }, (_, at) => {
    const i = Math.floor(at / k) * points, j = at % k * points;
    let sum = 0;
    for (let s = 0; s < points; s++) sum += rows_KS[i + s] * rows_KS[j + s];
    return sum;
  });
}

/** Components of unit norm, the one with the most weight in all first. */
function normalised(weights_NK: Float64Array, components_KS: Float64Array, points: number) {
  const k = components_KS.length / points;
  const norms = Float64Array.from(
    { length: k },
    (_, c) =>
      Math.sqrt(components_KS.subarray(c * points, (c + 1) * points).reduce((sum, value) => sum + value * value, 0)),
  );
  const totals = norms.map((norm, c) => weights_NK.reduce((sum, w, i) => i % k === c ? sum + w * norm : sum, 0));
  const order = Array.from(norms, (_, c) => c).sort((a, b) => totals[b] - totals[a]);
  return {
    components_KS: components_KS.map((_, i) => {
      const c = order[Math.floor(i / points)];
      return norms[c] > 0 ? components_KS[c * points + i % points] / norms[c] : 0;
    }),
    weights_NK: weights_NK.map((_, i) => weights_NK[Math.floor(i / k) * k + order[i % k]] * norms[order[i % k]]),
  };
}
