import { pca, pcaScores } from "./pca.ts";
import { sourceOf } from "./spectra_source.ts";

/**
 * Scores of rows N x `size` on their `wanted` leading principal components, N x `wanted`; zero where there are fewer components, and
 * where the rows do not vary.
 */
export function leadingScores(rows_NO: Float32Array, size: number, wanted: number): Float64Array {
  const count = rows_NO.length / size;
  const scores_NK = new Float64Array(count * wanted);
  const components = Math.min(wanted, size, count);
  try {
    const found_NK = pcaScores(rows_NO, pca(sourceOf(rows_NO, size), { components }));
    for (let n = 0; n < count; n++) {
      scores_NK.set(found_NK.subarray(n * components, (n + 1) * components), n * wanted);
    }
  } catch (error) {
    if ((error as { code?: string }).code !== "constant_data") throw error;
  }
  return scores_NK;
}
