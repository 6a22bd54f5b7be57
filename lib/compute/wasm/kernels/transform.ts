// One-dimensional Winograd transforms F(m, 3) for m = 1..4 on rows of up to 64 channels, four channels at a time.
//
// m outputs of a 3-tap convolution come from m + 2 products, one for each point of evaluation: the first m + 1 of
// {0, A, -A, B, -B}, then infinity. The points of a smaller m are a subset of those of a larger one and the filter's
// transform (1, a, a^2 at a point a) does not depend on m, so tiles of every size share one transformed filter.
// Two passes, along x and along y, make the two-dimensional F(m x m', 3 x 3). (Lavin and Gray, arXiv:1509.09308;
// Toom-Cook with the scale factors moved from the filter to the input.)
import { fma } from "./vector";

// Points of evaluation. These two lose half as many bits to rounding as the usual 1 and 2.
export const A: f64 = 11.0 / 16.0;
export const B: f64 = 3.0 / 2.0;
export const AA: f64 = A * A;
export const BB: f64 = B * B;
const AABB: f64 = AA * BB;
const P02: f64 = -(1 / AA + 1 / BB);
const P04: f64 = 1 / AABB;
const NA: f64 = 1 / (2 * AA * (AA - BB));
const NB: f64 = 1 / (2 * BB * (BB - AA));
const N1: f64 = 1 / (2 * AA * (A - B));
const N2: f64 = -1 / (2 * AA * (A + B));
const N3: f64 = 1 / (B * (BB - AA));

// @ts-ignore: decorator
@inline
export function scaled(v: v128, factor: f64): v128 {
  return f32x4.mul(v, f32x4.splat(<f32>factor));
}

/** v * factor + w */
// @ts-ignore: decorator
@inline
export function plus(v: v128, factor: f64, w: v128): v128 {
  return fma(v, f32x4.splat(<f32>factor), w);
}

/**
 * Input transform: the 6 inputs at p0..p5, as input * scale + shift; the first and last are masked (zero padding).
 * Writes the 6 points to `to`, `step` bytes apart.
 */
export function input4(
  p0: usize, p1: usize, p2: usize, p3: usize, p4: usize, p5: usize,
  scale: usize, shift: usize, first: v128, last: v128, to: usize, step: usize, bytes: usize,
): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const s = v128.load(scale + o), t = v128.load(shift + o);
    const d0 = v128.and(fma(v128.load(p0 + o), s, t), first);
    const d1 = fma(v128.load(p1 + o), s, t);
    const d2 = fma(v128.load(p2 + o), s, t);
    const d3 = fma(v128.load(p3 + o), s, t);
    const d4 = fma(v128.load(p4 + o), s, t);
    const d5 = v128.and(fma(v128.load(p5 + o), s, t), last);
    const e1 = plus(d2, -BB * NA, scaled(d4, NA)), o1 = plus(d1, -A * BB * NA, scaled(d3, A * NA));
    const e2 = plus(d2, -AA * NB, scaled(d4, NB)), o2 = plus(d1, -B * AA * NB, scaled(d3, B * NB));
    let q = to + o;
    v128.store(q, plus(d4, P04, plus(d2, P02, d0))); q += step;
    v128.store(q, f32x4.add(e1, o1)); q += step;
    v128.store(q, f32x4.sub(e1, o1)); q += step;
    v128.store(q, f32x4.add(e2, o2)); q += step;
    v128.store(q, f32x4.sub(e2, o2)); q += step;
    v128.store(q, plus(d1, AABB, plus(d3, -AA - BB, d5)));
  }
}

/** The same from rows `fromStep` bytes apart, as they are (second pass). */
export function inputAgain4(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const d0 = v128.load(p); p += fromStep;
    const d1 = v128.load(p); p += fromStep;
    const d2 = v128.load(p); p += fromStep;
    const d3 = v128.load(p); p += fromStep;
    const d4 = v128.load(p); p += fromStep;
    const d5 = v128.load(p);
    const e1 = plus(d2, -BB * NA, scaled(d4, NA)), o1 = plus(d1, -A * BB * NA, scaled(d3, A * NA));
    const e2 = plus(d2, -AA * NB, scaled(d4, NB)), o2 = plus(d1, -B * AA * NB, scaled(d3, B * NB));
    let q = to + o;
    v128.store(q, plus(d4, P04, plus(d2, P02, d0))); q += step;
    v128.store(q, f32x4.add(e1, o1)); q += step;
    v128.store(q, f32x4.sub(e1, o1)); q += step;
    v128.store(q, f32x4.add(e2, o2)); q += step;
    v128.store(q, f32x4.sub(e2, o2)); q += step;
    v128.store(q, plus(d1, AABB, plus(d3, -AA - BB, d5)));
  }
}

/**
 * Input transform: the 5 inputs at p0..p4, as input * scale + shift; the first and last are masked (zero padding).
 * Writes the 5 points to `to`, `step` bytes apart.
 */
export function input3(
  p0: usize, p1: usize, p2: usize, p3: usize, p4: usize,
  scale: usize, shift: usize, first: v128, last: v128, to: usize, step: usize, bytes: usize,
): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const s = v128.load(scale + o), t = v128.load(shift + o);
    const d0 = v128.and(fma(v128.load(p0 + o), s, t), first);
    const d1 = fma(v128.load(p1 + o), s, t);
    const d2 = fma(v128.load(p2 + o), s, t);
    const d3 = fma(v128.load(p3 + o), s, t);
    const d4 = v128.and(fma(v128.load(p4 + o), s, t), last);
    let q = to + o;
    v128.store(q, plus(d3, 1 / (AA * B), plus(d2, -1 / AA, plus(d1, -1 / B, d0)))); q += step;
    v128.store(q, plus(d1, -A * B * N1, plus(d2, (A - B) * N1, scaled(d3, N1)))); q += step;
    v128.store(q, plus(d1, A * B * N2, plus(d2, (-A - B) * N2, scaled(d3, N2)))); q += step;
    v128.store(q, plus(d1, -AA * N3, scaled(d3, N3))); q += step;
    v128.store(q, plus(d1, AA * B, plus(d2, -AA, plus(d3, -B, d4))));
  }
}

/** The same from rows `fromStep` bytes apart, as they are (second pass). */
export function inputAgain3(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const d0 = v128.load(p); p += fromStep;
    const d1 = v128.load(p); p += fromStep;
    const d2 = v128.load(p); p += fromStep;
    const d3 = v128.load(p); p += fromStep;
    const d4 = v128.load(p);
    let q = to + o;
    v128.store(q, plus(d3, 1 / (AA * B), plus(d2, -1 / AA, plus(d1, -1 / B, d0)))); q += step;
    v128.store(q, plus(d1, -A * B * N1, plus(d2, (A - B) * N1, scaled(d3, N1)))); q += step;
    v128.store(q, plus(d1, A * B * N2, plus(d2, (-A - B) * N2, scaled(d3, N2)))); q += step;
    v128.store(q, plus(d1, -AA * N3, scaled(d3, N3))); q += step;
    v128.store(q, plus(d1, AA * B, plus(d2, -AA, plus(d3, -B, d4))));
  }
}

/**
 * Input transform: the 4 inputs at p0..p3, as input * scale + shift; the first and last are masked (zero padding).
 * Writes the 4 points to `to`, `step` bytes apart.
 */
export function input2(
  p0: usize, p1: usize, p2: usize, p3: usize,
  scale: usize, shift: usize, first: v128, last: v128, to: usize, step: usize, bytes: usize,
): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const s = v128.load(scale + o), t = v128.load(shift + o);
    const d0 = v128.and(fma(v128.load(p0 + o), s, t), first);
    const d1 = fma(v128.load(p1 + o), s, t);
    const d2 = fma(v128.load(p2 + o), s, t);
    const d3 = v128.and(fma(v128.load(p3 + o), s, t), last);
    const even = scaled(d2, 1 / (2 * AA)), odd = scaled(d1, 1 / (2 * A));
    let q = to + o;
    v128.store(q, plus(d2, -1 / AA, d0)); q += step;
    v128.store(q, f32x4.add(even, odd)); q += step;
    v128.store(q, f32x4.sub(even, odd)); q += step;
    v128.store(q, plus(d1, -AA, d3));
  }
}

/** The same from rows `fromStep` bytes apart, as they are (second pass). */
export function inputAgain2(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const d0 = v128.load(p); p += fromStep;
    const d1 = v128.load(p); p += fromStep;
    const d2 = v128.load(p); p += fromStep;
    const d3 = v128.load(p);
    const even = scaled(d2, 1 / (2 * AA)), odd = scaled(d1, 1 / (2 * A));
    let q = to + o;
    v128.store(q, plus(d2, -1 / AA, d0)); q += step;
    v128.store(q, f32x4.add(even, odd)); q += step;
    v128.store(q, f32x4.sub(even, odd)); q += step;
    v128.store(q, plus(d1, -AA, d3));
  }
}

/**
 * Input transform: the 3 inputs at p0..p2, as input * scale + shift; the first and last are masked (zero padding).
 * Writes the 3 points to `to`, `step` bytes apart.
 */
export function input1(
  p0: usize, p1: usize, p2: usize,
  scale: usize, shift: usize, first: v128, last: v128, to: usize, step: usize, bytes: usize,
): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const s = v128.load(scale + o), t = v128.load(shift + o);
    const d0 = v128.and(fma(v128.load(p0 + o), s, t), first);
    const d1 = fma(v128.load(p1 + o), s, t);
    const d2 = v128.and(fma(v128.load(p2 + o), s, t), last);
    let q = to + o;
    v128.store(q, plus(d1, -1 / A, d0)); q += step;
    v128.store(q, scaled(d1, 1 / A)); q += step;
    v128.store(q, plus(d1, -A, d2));
  }
}

/** The same from rows `fromStep` bytes apart, as they are (second pass). */
export function inputAgain1(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const d0 = v128.load(p); p += fromStep;
    const d1 = v128.load(p); p += fromStep;
    const d2 = v128.load(p);
    let q = to + o;
    v128.store(q, plus(d1, -1 / A, d0)); q += step;
    v128.store(q, scaled(d1, 1 / A)); q += step;
    v128.store(q, plus(d1, -A, d2));
  }
}

/** Output transform: 6 points `fromStep` bytes apart -> 4 outputs `step` bytes apart. */
export function output4(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const v0 = v128.load(p); p += fromStep;
    const v1 = v128.load(p); p += fromStep;
    const v2 = v128.load(p); p += fromStep;
    const v3 = v128.load(p); p += fromStep;
    const v4 = v128.load(p); p += fromStep;
    const v5 = v128.load(p);
    const s1 = f32x4.add(v1, v2), d1 = f32x4.sub(v1, v2), s2 = f32x4.add(v3, v4), d2 = f32x4.sub(v3, v4);
    let q = to + o;
    v128.store(q, f32x4.add(f32x4.add(v0, s1), s2)); q += step;
    v128.store(q, plus(d2, B, scaled(d1, A))); q += step;
    v128.store(q, plus(s2, BB, scaled(s1, AA))); q += step;
    v128.store(q, plus(d2, BB * B, plus(d1, AA * A, v5)));
  }
}

/** Output transform: 5 points `fromStep` bytes apart -> 3 outputs `step` bytes apart. */
export function output3(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const v0 = v128.load(p); p += fromStep;
    const v1 = v128.load(p); p += fromStep;
    const v2 = v128.load(p); p += fromStep;
    const v3 = v128.load(p); p += fromStep;
    const v4 = v128.load(p);
    const s1 = f32x4.add(v1, v2), d1 = f32x4.sub(v1, v2);
    let q = to + o;
    v128.store(q, f32x4.add(f32x4.add(v0, s1), v3)); q += step;
    v128.store(q, plus(v3, B, scaled(d1, A))); q += step;
    v128.store(q, plus(v3, BB, plus(s1, AA, v4)));
  }
}

/** Output transform: 4 points `fromStep` bytes apart -> 2 outputs `step` bytes apart. */
export function output2(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const v0 = v128.load(p); p += fromStep;
    const v1 = v128.load(p); p += fromStep;
    const v2 = v128.load(p); p += fromStep;
    const v3 = v128.load(p);
    let q = to + o;
    v128.store(q, f32x4.add(f32x4.add(v0, v1), v2)); q += step;
    v128.store(q, plus(f32x4.sub(v1, v2), A, v3));
  }
}

/** Output transform: 3 points `fromStep` bytes apart -> 1 output `step` bytes apart. */
export function output1(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const v0 = v128.load(p); p += fromStep;
    const v1 = v128.load(p); p += fromStep;
    const v2 = v128.load(p);
    const q = to + o;
    v128.store(q, f32x4.add(f32x4.add(v0, v1), v2));
  }
}

// A phase of just two outputs, with zeros on both sides, needs three products: y0 = g1 (d0 + d1) + (g2 - g1) d1 and
// y1 = g1 (d0 + d1) + (g0 - g1) d0. Its size is called PAIR; its three points are of another kind than those above.
export const PAIR = 5;
/**
 * Points of a filter in one dimension where pairs stand beside tiles of three, which leave the fifth of the six points
 * unused: 0, A, -A, B, first of a pair, infinity, second and third of a pair.
 */
export const MIXED = 8;

/** Input transform of a pair; see input4. */
export function inputPair(
  p0: usize, p1: usize, scale: usize, shift: usize, to: usize, step: usize, bytes: usize,
): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const s = v128.load(scale + o), t = v128.load(shift + o);
    const d0 = fma(v128.load(p0 + o), s, t), d1 = fma(v128.load(p1 + o), s, t);
    v128.store(to + o, f32x4.add(d0, d1)), v128.store(to + o + step, d1), v128.store(to + o + 2 * step, d0);
  }
}

export function inputAgainPair(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const d0 = v128.load(from + o), d1 = v128.load(from + o + fromStep);
    v128.store(to + o, f32x4.add(d0, d1)), v128.store(to + o + step, d1), v128.store(to + o + 2 * step, d0);
  }
}

export function outputPair(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const v0 = v128.load(from + o), v1 = v128.load(from + o + fromStep), v2 = v128.load(from + o + 2 * fromStep);
    v128.store(to + o, f32x4.add(v0, v1)), v128.store(to + o + step, f32x4.add(v0, v2));
  }
}

/** Points of a tile of size m in one dimension; m = 0 stands for no transform at all. */
// @ts-ignore: decorator
@inline
export function pointCount(m: i32): i32 {
  return m == 0 ? 1 : m == PAIR ? 3 : m + 2;
}

/** Inputs and outputs of a tile of size m in one dimension. */
// @ts-ignore: decorator
@inline
export function inputCount(m: i32): i32 {
  return m == PAIR ? 2 : m + 2;
}

// @ts-ignore: decorator
@inline
export function outputCount(m: i32): i32 {
  return m == 0 ? 1 : m == PAIR ? 2 : m;
}

/** Index among all points of the q-th point of a tile of size m: of F(m, 3), the last one is infinity. */
// @ts-ignore: decorator
@inline
export function globalPoint(m: i32, q: i32, across: i32): i32 {
  if (m == PAIR) return across == MIXED ? (q == 0 ? 4 : 5 + q) : q;
  return m == 0 || q != m + 1 ? q : 5;
}

export function inputAgain(m: i32, from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  if (m == 4) inputAgain4(from, fromStep, to, step, bytes);
  else if (m == 3) inputAgain3(from, fromStep, to, step, bytes);
  else if (m == 2) inputAgain2(from, fromStep, to, step, bytes);
  else if (m == PAIR) inputAgainPair(from, fromStep, to, step, bytes);
  else inputAgain1(from, fromStep, to, step, bytes);
}

export function output(m: i32, from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  if (m == 4) output4(from, fromStep, to, step, bytes);
  else if (m == 3) output3(from, fromStep, to, step, bytes);
  else if (m == 2) output2(from, fromStep, to, step, bytes);
  else if (m == PAIR) outputPair(from, fromStep, to, step, bytes);
  else output1(from, fromStep, to, step, bytes);
}
