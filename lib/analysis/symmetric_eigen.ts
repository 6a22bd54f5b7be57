import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { createRandom } from "../base/random.ts";

/** The largest eigenvalues, descending, with unit eigenvectors as rows. */
export interface EigenPairs {
  values: Float64Array;
  /** count x size */
  vectors_KS: Float64Array;
}

/** Eigenpairs of a symmetric size x size matrix by full decomposition: exact, for up to a few hundred rows. */
export function symmetricEigen(matrix_SS: Float64Array, size: number, count: number): EigenPairs {
  const rows = Array.from({ length: size }, (_, i) => matrix_SS.subarray(i * size, (i + 1) * size));
  const full = new EigenvalueDecomposition(new Matrix(rows), { assumeSymmetric: true });
  const order = full.realEigenvalues.map((_, k) => k).sort((a, b) => full.realEigenvalues[b] - full.realEigenvalues[a]);
  const vectors_KS = new Float64Array(count * size);
  for (let k = 0; k < count; k++) {
    for (let s = 0; s < size; s++) vectors_KS[k * size + s] = full.eigenvectorMatrix.get(s, order[k]);
  }
  return { values: Float64Array.from({ length: count }, (_, k) => full.realEigenvalues[order[k]]), vectors_KS };
}

/**
 * The same by subspace iteration with Rayleigh-Ritz, for a matrix known only by what it does to `rows` vectors of
 * length `size` (rows in, rows out). Stops when the eigenvalues are stable to 1e-9, or after 60 products.
 */
export function dominantEigen(
  apply: (vectors_KS: Float64Array, rows: number) => Float64Array,
  size: number,
  count: number,
): EigenPairs {
  const rows = Math.min(size, count + 10);
  const random = createRandom(1);
  let basis = orthonormalRows(Float64Array.from({ length: rows * size }, () => random.normal()), rows, size);
  let values = new Float64Array(count);
  for (let turn = 0; turn < 60; turn++) {
    const image = apply(basis, rows);
    const ritz = symmetricEigen(gram(basis, image, rows, size), rows, rows);
    const change = Math.max(...values.map((value, k) => Math.abs(ritz.values[k] - value)));
    values = ritz.values.slice(0, count);
    const rotated = product(ritz.vectors_KS, image, rows, size);
    if (change <= 1e-9 * Math.abs(values[0])) {
      return { values, vectors_KS: orthonormalRows(rotated, rows, size).slice(0, count * size) };
    }
    basis = orthonormalRows(rotated, rows, size);
  }
  return { values, vectors_KS: basis.slice(0, count * size) };
}

/** Modified Gram-Schmidt, twice for full orthogonality; a row without rest becomes zero. */
function orthonormalRows(vectors_KS: Float64Array, rows: number, size: number): Float64Array {
  for (let k = 0; k < rows; k++) {
    const own = vectors_KS.subarray(k * size, (k + 1) * size);
    const before = Math.sqrt(dot(own, own));
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        const other = vectors_KS.subarray(j * size, (j + 1) * size);
        const overlap = dot(own, other);
        for (let s = 0; s < size; s++) own[s] -= overlap * other[s];
      }
    }
    const norm = Math.sqrt(dot(own, own));
    const scale = norm > 1e-12 * before ? 1 / norm : 0;
    for (let s = 0; s < size; s++) own[s] *= scale;
  }
  return vectors_KS;
}

function gram(a_KS: Float64Array, b_KS: Float64Array, rows: number, size: number): Float64Array {
  const result = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      const value = dot(a_KS.subarray(i * size, (i + 1) * size), b_KS.subarray(j * size, (j + 1) * size));
      result[i * rows + j] = result[j * rows + i] = value;
    }
  }
  return result;
}

function product(a_KK: Float64Array, b_KS: Float64Array, rows: number, size: number): Float64Array {
  const result = new Float64Array(rows * size);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < rows; k++) {
      const factor = a_KK[i * rows + k];
      for (let s = 0; s < size; s++) result[i * size + s] += factor * b_KS[k * size + s];
    }
  }
  return result;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
