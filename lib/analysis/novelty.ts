import { choleskyInPlace, choleskySolve } from "./cholesky.ts";

/**
 * How far each latent lies from those of the training pixels: the Mahalanobis distance from their mean, so that each
 * latent variable counts in its own spread. NaN for a latent with a NaN, and throughout where fewer than two training
 * pixels are finite.
 */
export function noveltyOf(
  latents_NL: ArrayLike<number>,
  size: number,
  inTraining: (n: number) => boolean,
): Float64Array {
  const count = latents_NL.length / size;
  const rows: number[] = [];
  for (let n = 0; n < count; n++) if (inTraining(n) && isFiniteRow(latents_NL, n, size)) rows.push(n);
  const novelty_N = new Float64Array(count).fill(NaN);
  const spread = spreadOf(latents_NL, size, rows);
  if (!spread) return novelty_N;
  const delta = new Float64Array(size), solved = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    for (let l = 0; l < size; l++) solved[l] = delta[l] = latents_NL[n * size + l] - spread.mean_L[l];
    choleskySolve(spread.factor_LL, solved, size);
    novelty_N[n] = Math.sqrt(Math.max(0, delta.reduce((sum, value, l) => sum + value * solved[l], 0)));
  }
  return novelty_N;
}

function spreadOf(latents_NL: ArrayLike<number>, size: number, rows: number[]) {
  if (rows.length < 2) return undefined;
  const mean_L = new Float64Array(size), factor_LL = new Float64Array(size * size);
  for (const n of rows) for (let l = 0; l < size; l++) mean_L[l] += latents_NL[n * size + l] / rows.length;
  for (const n of rows) {
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        factor_LL[i * size + j] += (latents_NL[n * size + i] - mean_L[i]) * (latents_NL[n * size + j] - mean_L[j]) /
          rows.length;
      }
    }
  }
  let trace = 0;
  for (let l = 0; l < size; l++) trace += factor_LL[l * size + l];
  // A latent variable that never varied in training counts by a small part of the others' spread.
  for (let l = 0; l < size; l++) factor_LL[l * size + l] += 1e-6 * trace / size + 1e-30;
  return choleskyInPlace(factor_LL, size) ? { mean_L, factor_LL } : undefined;
}

function isFiniteRow(values: ArrayLike<number>, n: number, size: number): boolean {
  for (let l = 0; l < size; l++) if (!Number.isFinite(values[n * size + l])) return false;
  return true;
}
