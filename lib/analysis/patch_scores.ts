import { unprocessable } from "../base/errors.ts";
import { pca, pcaScores } from "./pca.ts";

/** An image and the window of the patches cut from it. */
export interface PatchedImage {
  image_HW: ArrayLike<number>;
  rows: number;
  cols: number;
  window: number;
}

export interface PatchScores {
  image: PatchedImage;
  /** Scores of each whole patch, (rows - window + 1) x (cols - window + 1) x K; NaN for a patch with a NaN. */
  scores_NK: Float64Array;
  /** K */
  components: number;
}

/** Components that together explain this share of the patches' variance are kept, but no more than `MOST_SCORES`. */
const KEPT_VARIANCE = 0.99, MOST_SCORES = 8;

/**
 * Principal-component scores of all whole patches of an image, what mixtures and clusters of domain elements are made
 * from. Throws `window_too_large` where no patch fits and what `pca` throws.
 */
export function patchScores(image: PatchedImage, most = MOST_SCORES): PatchScores {
  const { rows, cols, window } = image;
  if (window > Math.min(rows, cols)) {
    throw unprocessable("window_too_large", `A window of ${window} does not fit a map of ${rows} x ${cols}`);
  }
  const positionRows = rows - window + 1, positionCols = cols - window + 1, size = window * window;
  const source = {
    points: size,
    *blocks() {
      for (let row = 0; row < positionRows; row++) yield patchesOfRow(image, row);
    },
  };
  const fit = pca(source, { components: Math.min(most, size, positionRows * positionCols) });
  const components = enough(fit.explainedVarianceRatio_K);
  const kept = { ...fit, components_KS: fit.components_KS.slice(0, components * size) };
  const scores_NK = new Float64Array(positionRows * positionCols * components);
  for (let row = 0; row < positionRows; row++) {
    scores_NK.set(pcaScores(patchesOfRow(image, row), kept), row * positionCols * components);
  }
  return { image, scores_NK, components };
}

/** Mean patch of each label 0 .. labels - 1, labels x window x window; NaN for a label without patches. */
export function meanPatches({ image }: PatchScores, labels_N: Int32Array, labels: number): Float64Array {
  const size = image.window * image.window, positionCols = image.cols - image.window + 1;
  const sums = new Float64Array(labels * size), counts = new Float64Array(labels);
  for (let row = 0; row < labels_N.length / positionCols; row++) {
    const patches = patchesOfRow(image, row);
    for (let col = 0; col < positionCols; col++) {
      const label = labels_N[row * positionCols + col];
      if (label < 0) continue;
      counts[label]++;
      for (let i = 0; i < size; i++) sums[label * size + i] += patches[col * size + i];
    }
  }
  return sums.map((sum, i) => sum / counts[Math.floor(i / size)]);
}

/** All patches whose first pixel lies in this row of the map, one after the other. */
function patchesOfRow({ image_HW, cols, window }: PatchedImage, row: number): Float64Array {
  const positionCols = cols - window + 1;
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
