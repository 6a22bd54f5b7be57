/**
 * Cholesky factor of a symmetric positive definite size x size matrix, in place in its lower triangle. Returns false
 * where the matrix is not positive definite; its content is then useless. Allocates nothing.
 */
export function choleskyInPlace(a: Float64Array, size: number): boolean {
  for (let j = 0; j < size; j++) {
    let pivot = a[j * size + j];
    for (let k = 0; k < j; k++) pivot -= a[j * size + k] * a[j * size + k];
    if (!(pivot > 0) || pivot === Infinity) return false;
    const root = Math.sqrt(pivot);
    a[j * size + j] = root;
    for (let i = j + 1; i < size; i++) {
      let sum = a[i * size + j];
      for (let k = 0; k < j; k++) sum -= a[i * size + k] * a[j * size + k];
      a[i * size + j] = sum / root;
    }
  }
  return true;
}

/** Solves L L^T x = b for the factor of `choleskyInPlace`; x takes the place of b. */
export function choleskySolve(factor: Float64Array, b: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    let sum = b[i];
    for (let k = 0; k < i; k++) sum -= factor[i * size + k] * b[k];
    b[i] = sum / factor[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = b[i];
    for (let k = i + 1; k < size; k++) sum -= factor[k * size + i] * b[k];
    b[i] = sum / factor[i * size + i];
  }
}

/** Inverse of the lower triangular factor, as a new array (upper triangle zero). */
export function invertLower(factor: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    inverse[j * size + j] = 1 / factor[j * size + j];
    for (let i = j + 1; i < size; i++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= factor[i * size + k] * inverse[k * size + j];
      inverse[i * size + j] = sum / factor[i * size + i];
    }
  }
  return inverse;
}
