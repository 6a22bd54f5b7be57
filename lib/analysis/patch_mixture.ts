import { unprocessable } from "../base/errors.ts";
import { fitGmm, type Gmm, type GmmOptions } from "./gmm.ts";
import { pca, pcaScores } from "./pca.ts";

/** An image and the patches cut from it. */
export interface PatchGrid {
  image_HW: ArrayLike<number>;
  rows: number;
  cols: number;
  window: number;
}

export interface PatchMixture {
  /** Mixture over the scores of the patches' principal components, one point a position. */
  gmm: Gmm;
  /** The scores, N x scores. */
  scores_NL: Float64Array;
  scores: number;
  /** Mean patch of each component, K x window x window; NaN for a component that no patch belongs to. */
  meanPatches_KHW: Float64Array;
  /** Positions: (rows - window + 1) x (cols - window + 1). */
  positionRows: number;
  positionCols: number;
}

/** Components that together explain this share are kept, but no more than the number of scores asked for. */
const KEPT_VARIANCE = 0.99;

/**
 * Mixture of image patches (domain elements): principal components of all whole patches, then a mixture of normal
 * distributions over their scores. A patch with a NaN has label -1. Throws `window_too_large` where no patch fits, and
 * what `pca` and `fitGmm` throw.
 */
export function patchMixture(grid: PatchGrid, options: GmmOptions & { scores?: number }): PatchMixture {
  const { rows, cols, window } = grid;
  if (window > Math.min(rows, cols)) {
    throw unprocessable("window_too_large", `A window of ${window} does not fit a map of ${rows} x ${cols}`);
  }
  const positionRows = rows - window + 1, positionCols = cols - window + 1;
  const size = window * window;
  const source = {
    points: size,
    *blocks() {
      for (let row = 0; row < positionRows; row++) yield patchesOfRow(grid, row, positionCols);
    },
  };
  const wanted = Math.min(options.scores ?? 8, size, positionRows * positionCols);
  const fit = pca(source, { components: wanted });
  const scores = enough(fit.explainedVarianceRatio_K);
  const kept = { ...fit, components_KS: fit.components_KS.slice(0, scores * size) };
  const scores_NL = new Float64Array(positionRows * positionCols * scores);
  for (let row = 0; row < positionRows; row++) {
    scores_NL.set(pcaScores(patchesOfRow(grid, row, positionCols), kept), row * positionCols * scores);
  }
  const gmm = fitGmm(scores_NL, scores, options);
  const meanPatches_KHW = meanPatches(grid, gmm.labels_N, options.components, positionCols);
  return { gmm, scores_NL, scores, meanPatches_KHW, positionRows, positionCols };
}

/** All patches whose first pixel lies in this row of the map, one after the other. */
function patchesOfRow({ image_HW, cols, window }: PatchGrid, row: number, positionCols: number): Float64Array {
  const patches = new Float64Array(positionCols * window * window);
  for (let col = 0, at = 0; col < positionCols; col++) {
    for (let r = row; r < row + window; r++) {
      for (let c = col; c < col + window; c++) patches[at++] = image_HW[r * cols + c];
    }
  }
  return patches;
}

function enough(ratio_K: Float64Array): number {
  let sum = 0, k = 0;
  while (k < ratio_K.length && sum < KEPT_VARIANCE) sum += ratio_K[k++];
  return k;
}

function meanPatches(grid: PatchGrid, labels_N: Int32Array, components: number, positionCols: number): Float64Array {
  const size = grid.window * grid.window;
  const sums = new Float64Array(components * size), counts = new Float64Array(components);
  for (let row = 0; row < labels_N.length / positionCols; row++) {
    const patches = patchesOfRow(grid, row, positionCols);
    for (let col = 0; col < positionCols; col++) {
      const label = labels_N[row * positionCols + col];
      if (label < 0) continue;
      counts[label]++;
      for (let i = 0; i < size; i++) sums[label * size + i] += patches[col * size + i];
    }
  }
  return sums.map((sum, i) => sum / counts[Math.floor(i / size)]);
}
