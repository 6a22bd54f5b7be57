import type { Pause } from "../pause.ts";

/**
 * Solves A X = B for a symmetric positive definite A (size x size) and B (size x columns) by Cholesky factorisation; A's
 * lower triangle and B are overwritten, X is B. Gives way between rows. Throws RangeError where A is not positive
 * definite.
 */
export async function solveSpd(a: Float64Array, size: number, b: Float64Array, pause: Pause): Promise<Float64Array> {
  const columns = b.length / size;
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j < i; j++) a[row + j] = (a[row + j] - dot(a, row, j * size, j)) / a[j * size + j];
    const pivot = a[row + i] - dot(a, row, row, i);
    if (!(pivot > 0)) throw new RangeError(`Matrix of ${size} rows is not positive definite at row ${i}`);
    a[row + i] = Math.sqrt(pivot);
    await pause();
  }
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) subtractRow(b, i, k, a[i * size + k], columns);
    scaleRow(b, i, 1 / a[i * size + i], columns);
    await pause();
  }
  for (let i = size - 1; i >= 0; i--) {
    scaleRow(b, i, 1 / a[i * size + i], columns);
    for (let k = 0; k < i; k++) subtractRow(b, k, i, a[i * size + k], columns);
    await pause();
  }
  return b;
}

/** Four sums at once: the additions of one would wait for each other. */
function dot(a: Float64Array, i: number, j: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < length; k += 4) {
    s0 += a[i + k] * a[j + k];
    s1 += a[i + k + 1] * a[j + k + 1];
    s2 += a[i + k + 2] * a[j + k + 2];
    s3 += a[i + k + 3] * a[j + k + 3];
  }
  for (; k < length; k++) s0 += a[i + k] * a[j + k];
  return s0 + s1 + s2 + s3;
}

function subtractRow(b: Float64Array, to: number, from: number, factor: number, columns: number): void {
  for (let c = 0; c < columns; c++) b[to * columns + c] -= factor * b[from * columns + c];
}

function scaleRow(b: Float64Array, row: number, factor: number, columns: number): void {
  for (let c = 0; c < columns; c++) b[row * columns + c] *= factor;
}
