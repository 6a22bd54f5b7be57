/** Size of the two images and the range of their values. */
export interface SsimOptions {
  rows: number;
  cols: number;
  /** Largest minus smallest possible value. */
  dataRange: number;
  /** Side of the uniform window, odd; made smaller where the image is. Default 7. */
  window?: number;
}

/**
 * Mean structural similarity of two images (Wang et al., IEEE Trans. Image Process. 13, 600, 2004) with a uniform
 * window, sample covariance and the constants 0.01 and 0.03, over the positions where the whole window fits: as
 * scikit-image's `structural_similarity`. An image narrower than the window takes the largest odd window that fits.
 * 1 for two images that are constant and equal; NaN where a value is NaN.
 */
export function ssim(a: ArrayLike<number>, b: ArrayLike<number>, options: SsimOptions): number {
  const { rows, cols, dataRange } = options;
  const window = windowThatFits(Math.min(rows, cols, options.window ?? 7));
  const c1 = (0.01 * dataRange) ** 2, c2 = (0.03 * dataRange) ** 2;
  let sum = 0;
  for (let row = 0; row + window <= rows; row++) {
    for (let col = 0; col + window <= cols; col++) {
      const m = momentsAt(a, b, { start: row * cols + col, cols, window });
      const top = (2 * m.meanA * m.meanB + c1) * (2 * m.covariance + c2);
      const bottom = (m.meanA ** 2 + m.meanB ** 2 + c1) * (m.varianceA + m.varianceB + c2);
      sum += bottom === 0 ? 1 : top / bottom;
    }
  }
  return sum / ((rows - window + 1) * (cols - window + 1));
}

function windowThatFits(limit: number): number {
  return limit % 2 === 1 ? limit : Math.max(1, limit - 1);
}

function momentsAt(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  { start, cols, window }: { start: number; cols: number; window: number },
) {
  const count = window * window;
  let sumA = 0, sumB = 0, sumAA = 0, sumBB = 0, sumAB = 0;
  const originA = a[start], originB = b[start]; // shifted sums keep their digits on a large background
  for (let r = 0; r < window; r++) {
    for (let i = start + r * cols; i < start + r * cols + window; i++) {
      const x = a[i] - originA, y = b[i] - originB;
      sumA += x;
      sumB += y;
      sumAA += x * x;
      sumBB += y * y;
      sumAB += x * y;
    }
  }
  const degrees = Math.max(1, count - 1);
  return {
    meanA: originA + sumA / count,
    meanB: originB + sumB / count,
    varianceA: (sumAA - sumA * sumA / count) / degrees,
    varianceB: (sumBB - sumB * sumB / count) / degrees,
    covariance: (sumAB - sumA * sumB / count) / degrees,
  };
}
