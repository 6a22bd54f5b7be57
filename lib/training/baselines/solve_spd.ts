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
    let j = 0;
    for (; j + 3 < i; j += 4) solveFour(a, row, j, size);
    for (; j < i; j++) a[row + j] = (a[row + j] - dot(a, row, j * size, j)) / a[j * size + j];
    const pivot = a[row + i] - dot(a, row, row, i);
    if (!(pivot > 0)) throw new RangeError(`Matrix of ${size} rows is not positive definite at row ${i}`);
    a[row + i] = Math.sqrt(pivot);
    await pause();
  }
  for (let i = 0; i < size; i++) {
    let k = 0;
    for (; k + 3 < i; k += 4) subtractFourRows(b, i, k, a, i * size + k, columns);
    for (; k < i; k++) subtractRow(b, i, k, a[i * size + k], columns);
    scaleRow(b, i, 1 / a[i * size + i], columns);
    await pause();
  }
  // Row i of the factor's transpose is column i of the factor; made a row so that the inner loop reads in order.
  const column = new Float64Array(size);
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) column[k] = a[k * size + i];
    let k = i + 1;
    for (; k + 3 < size; k += 4) subtractFourRows(b, i, k, column, k, columns);
    for (; k < size; k++) subtractRow(b, i, k, column[k], columns);
    scaleRow(b, i, 1 / a[i * size + i], columns);
    await pause();
  }
  return b;
}

/** Entries j to j + 3 of a row of the factor: the row is read once for all four. */
function solveFour(a: Float64Array, row: number, j: number, size: number): void {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let [j0, j1, j2, j3] = [j * size, (j + 1) * size, (j + 2) * size, (j + 3) * size];
  for (let k = 0; k < j; k++) {
    const value = a[row + k];
    s0 += value * a[j0++];
    s1 += value * a[j1++];
    s2 += value * a[j2++];
    s3 += value * a[j3++];
  }
  // Each j has moved on to column j of its row: what is left is a triangle.
  const x0 = a[row + j] = (a[row + j] - s0) / a[j0];
  const x1 = a[row + j + 1] = (a[row + j + 1] - s1 - x0 * a[j1]) / a[j1 + 1];
  const x2 = a[row + j + 2] = (a[row + j + 2] - s2 - x0 * a[j2] - x1 * a[j2 + 1]) / a[j2 + 2];
  a[row + j + 3] = (a[row + j + 3] - s3 - x0 * a[j3] - x1 * a[j3 + 1] - x2 * a[j3 + 2]) / a[j3 + 3];
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

/** Row `to` less four rows from `from` on, times four factors: one pass over `to` for all of them. */
function subtractFourRows(
  b: Float64Array,
  to: number,
  from: number,
  factors: Float64Array,
  factorAt: number,
  columns: number,
): void {
  const [f0, f1, f2, f3] = [factors[factorAt], factors[factorAt + 1], factors[factorAt + 2], factors[factorAt + 3]];
  let [t, r0] = [to * columns, from * columns];
  let [r1, r2, r3] = [r0 + columns, r0 + 2 * columns, r0 + 3 * columns];
  for (let c = 0; c < columns; c++) b[t++] -= f0 * b[r0++] + f1 * b[r1++] + f2 * b[r2++] + f3 * b[r3++];
}

function subtractRow(b: Float64Array, to: number, from: number, factor: number, columns: number): void {
  for (let c = 0; c < columns; c++) b[to * columns + c] -= factor * b[from * columns + c];
}

function scaleRow(b: Float64Array, row: number, factor: number, columns: number): void {
  for (let c = 0; c < columns; c++) b[row * columns + c] *= factor;
}
