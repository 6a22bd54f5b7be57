// The inner kernels of every matrix product: register blocks of 6 x 8 or 4 x 8 accumulators (12 of the 16 vector
// registers), one broadcast of A and two vectors of B per step of k. Fixed row strides of 256 bytes (64 channels) turn
// all addresses into one pointer plus constants, which is what keeps the compiler from spilling registers.
import { fma } from "./vector";

/** C[6 x 8] (+)= A[6 x k] B[k x 8]; rows of A and C are 256 bytes apart, B is packed eight wide. */
export function multiply6x8(a: usize, b: usize, c: usize, k: i32, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(c, 0), c01 = v128.load(c, 16);
    c10 = v128.load(c, 256), c11 = v128.load(c, 272);
    c20 = v128.load(c, 512), c21 = v128.load(c, 528);
    c30 = v128.load(c, 768), c31 = v128.load(c, 784);
    c40 = v128.load(c, 1024), c41 = v128.load(c, 1040);
    c50 = v128.load(c, 1280), c51 = v128.load(c, 1296);
  }
  const end = a + (<usize>k << 2);
  while (a != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a, 0);
    c00 = fma(x, b0, c00), c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 256);
    c10 = fma(x, b0, c10), c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 512);
    c20 = fma(x, b0, c20), c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 768);
    c30 = fma(x, b0, c30), c31 = fma(x, b1, c31);
    x = v128.load32_splat(a, 1024);
    c40 = fma(x, b0, c40), c41 = fma(x, b1, c41);
    x = v128.load32_splat(a, 1280);
    c50 = fma(x, b0, c50), c51 = fma(x, b1, c51);
    a += 4, b += 32;
  }
  v128.store(c, c00, 0), v128.store(c, c01, 16);
  v128.store(c, c10, 256), v128.store(c, c11, 272);
  v128.store(c, c20, 512), v128.store(c, c21, 528);
  v128.store(c, c30, 768), v128.store(c, c31, 784);
  v128.store(c, c40, 1024), v128.store(c, c41, 1040);
  v128.store(c, c50, 1280), v128.store(c, c51, 1296);
}

/** C[4 x 8] (+)= A[4 x k] B[k x 8]; rows of A and C are 256 bytes apart, B is packed eight wide. */
export function multiply4x8(a: usize, b: usize, c: usize, k: i32, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  if (accumulate) {
    c00 = v128.load(c, 0), c01 = v128.load(c, 16);
    c10 = v128.load(c, 256), c11 = v128.load(c, 272);
    c20 = v128.load(c, 512), c21 = v128.load(c, 528);
    c30 = v128.load(c, 768), c31 = v128.load(c, 784);
  }
  const end = a + (<usize>k << 2);
  while (a != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a, 0);
    c00 = fma(x, b0, c00), c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 256);
    c10 = fma(x, b0, c10), c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 512);
    c20 = fma(x, b0, c20), c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 768);
    c30 = fma(x, b0, c30), c31 = fma(x, b1, c31);
    a += 4, b += 32;
  }
  v128.store(c, c00, 0), v128.store(c, c01, 16);
  v128.store(c, c10, 256), v128.store(c, c11, 272);
  v128.store(c, c20, 512), v128.store(c, c21, 528);
  v128.store(c, c30, 768), v128.store(c, c31, 784);
}

/** C[6 x 8] (+)= A^T B over k rows: A holds 6 floats and B eight in each row of 256 bytes; rows of C are ldc apart. */
export function correlate6x8(a: usize, b: usize, c: usize, ldc: usize, k: i32, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0);
  if (accumulate) {
    let p = c;
    c00 = v128.load(p), c01 = v128.load(p, 16), p += ldc;
    c10 = v128.load(p), c11 = v128.load(p, 16), p += ldc;
    c20 = v128.load(p), c21 = v128.load(p, 16), p += ldc;
    c30 = v128.load(p), c31 = v128.load(p, 16), p += ldc;
    c40 = v128.load(p), c41 = v128.load(p, 16), p += ldc;
    c50 = v128.load(p), c51 = v128.load(p, 16);
  }
  const end = a + (<usize>k << 8);
  while (a != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a, 0);
    c00 = fma(x, b0, c00), c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10), c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20), c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30), c31 = fma(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = fma(x, b0, c40), c41 = fma(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = fma(x, b0, c50), c51 = fma(x, b1, c51);
    a += 256, b += 256;
  }
  v128.store(c, c00), v128.store(c, c01, 16);
  c += ldc;
  v128.store(c, c10), v128.store(c, c11, 16);
  c += ldc;
  v128.store(c, c20), v128.store(c, c21, 16);
  c += ldc;
  v128.store(c, c30), v128.store(c, c31, 16);
  c += ldc;
  v128.store(c, c40), v128.store(c, c41, 16);
  c += ldc;
  v128.store(c, c50), v128.store(c, c51, 16);
}

/** C[4 x 8] (+)= A^T B over k rows: A holds 4 floats and B eight in each row of 256 bytes; rows of C are ldc apart. */
export function correlate4x8(a: usize, b: usize, c: usize, ldc: usize, k: i32, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  if (accumulate) {
    let p = c;
    c00 = v128.load(p), c01 = v128.load(p, 16), p += ldc;
    c10 = v128.load(p), c11 = v128.load(p, 16), p += ldc;
    c20 = v128.load(p), c21 = v128.load(p, 16), p += ldc;
    c30 = v128.load(p), c31 = v128.load(p, 16);
  }
  const end = a + (<usize>k << 8);
  while (a != end) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a, 0);
    c00 = fma(x, b0, c00), c01 = fma(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = fma(x, b0, c10), c11 = fma(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = fma(x, b0, c20), c21 = fma(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = fma(x, b0, c30), c31 = fma(x, b1, c31);
    a += 256, b += 256;
  }
  v128.store(c, c00), v128.store(c, c01, 16);
  c += ldc;
  v128.store(c, c10), v128.store(c, c11, 16);
  c += ldc;
  v128.store(c, c20), v128.store(c, c21, 16);
  c += ldc;
  v128.store(c, c30), v128.store(c, c31, 16);
}

/**
 * C[rows x n] (+)= A[rows x k] B[k x n] with k <= 64, n a multiple of 8 and B packed as n/8 panels of [kAll][8].
 * Beyond 64 columns C goes on in the next block of 64, blockBytes further. Computes up to 5 rows too many.
 */
export function multiplyRows(
  a: usize, b: usize, c: usize, rows: i32, n: i32, k: i32, panelBytes: usize, blockBytes: usize, accumulate: bool,
): void {
  let row = 0;
  while (row < rows) {
    const left = rows - row;
    // 6 + 4 + 4 rather than 6 + 6 + 2.
    const six = left >= 5 && left != 8 && left != 7;
    for (let j = 0; j < n; j += 8) {
      const panel = b + <usize>(j >> 3) * panelBytes;
      const to = c + <usize>(j >> 6) * blockBytes + (<usize>(j & 63) << 2);
      if (six) multiply6x8(a, panel, to, k, accumulate);
      else multiply4x8(a, panel, to, k, accumulate);
    }
    const step = six ? 6 : 4;
    row += step;
    a += <usize>step << 8, c += <usize>step << 8;
  }
}

/** C[m x 8] (+)= A^T B over k rows, m <= 64 a multiple of 8; see correlate6x8. */
export function correlateRows(a: usize, b: usize, c: usize, ldc: usize, m: i32, k: i32, accumulate: bool): void {
  let row = 0;
  while (row < m) {
    const left = m - row;
    const step = left == 4 || left == 8 ? 4 : 6;
    if (step == 6) correlate6x8(a, b, c, ldc, k, accumulate);
    else correlate4x8(a, b, c, ldc, k, accumulate);
    row += step;
    a += <usize>step << 2, c += <usize>step * ldc;
  }
}
