// Convolutions at the ends of a network, where one side has a single channel: a scalar image (or spectrum) into many
// channels, many channels into one, and the weight gradient of both. The image is copied with a border of zeros, so
// that no tap needs a check; four channels of the nine (or three) taps then stay in registers while pixels go by.
import { arg, floatArg, fma, leaky, leakySlope, sumLanes } from "./vector";

const TRAIN = 0;
const GRADIENT = 1;

/** Copies image [rows][cols] into the middle of zeros (one row has no border above and below); returns the row's floats. */
function padImage(image: usize, rows: i32, cols: i32, twoD: bool, to: usize): i32 {
  const wide = cols + 2, high = twoD ? rows + 2 : rows;
  memory.fill(to, 0, <usize>(wide * high) << 2);
  for (let y = 0; y < rows; y++) {
    memory.copy(to + (<usize>((twoD ? y + 1 : y) * wide + 1) << 2), image + (<usize>(y * cols) << 2), <usize>cols << 2);
  }
  return wide;
}

/**
 * One channel -> many, for one sample.
 * 1 image, 2 rows, 3 columns, 4 rows of taps (1 or 3), 5 weight [tap][channels], 6 channels, 7 output, 8 1: taps in
 * reverse order, 9 mode, 10 bias, 11 slope, 12 scale and 13 shift afterwards (evaluation), 14 activation (gradient),
 * 15 sums [sample][2][channels].
 */
export function expand(c: usize, job: i32, scratch: usize): void {
  const rows = arg(c, 2), cols = arg(c, 3), twoD = arg(c, 4) == 3, channels = arg(c, 6), mode = arg(c, 9);
  const wide = padImage(<usize>arg(c, 1) + (<usize>(job * rows * cols) << 2), rows, cols, twoD, scratch);
  const step = <usize>channels << 2, taps = twoD ? 9 : 3;
  const out = <usize>(job * rows * cols) * step;
  const slope = f32x4.splat(floatArg(c, 11));
  const line = <usize>wide << 2;
  for (let o: usize = 0; o < step; o += 16) {
    let w = <usize>arg(c, 5) + o, next = step;
    if (arg(c, 8)) w += <usize>(taps - 1) * step, next = 0 - step;
    const w0 = v128.load(w), w1 = v128.load(w + next), w2 = v128.load(w + 2 * next);
    let w3 = w0, w4 = w0, w5 = w0, w6 = w0, w7 = w0, w8 = w0;
    if (twoD) {
      w += 3 * next;
      w3 = v128.load(w), w4 = v128.load(w + next), w5 = v128.load(w + 2 * next);
      w += 3 * next;
      w6 = v128.load(w), w7 = v128.load(w + next), w8 = v128.load(w + 2 * next);
    }
    const bias = mode == GRADIENT ? f32x4.splat(0) : v128.load(<usize>arg(c, 10) + o);
    let s1 = f32x4.splat(0), s2 = s1;
    let to = out + o;
    for (let y = 0; y < rows; y++) {
      let p = scratch + <usize>y * line;
      for (let x = 0; x < cols; x++) {
        let z = fma(v128.load32_splat(p), w0, bias);
        z = fma(v128.load32_splat(p, 4), w1, z);
        z = fma(v128.load32_splat(p, 8), w2, z);
        if (twoD) {
          const p1 = p + line, p2 = p1 + line;
          let z1 = f32x4.mul(v128.load32_splat(p1), w3);
          z1 = fma(v128.load32_splat(p1, 4), w4, z1);
          z1 = fma(v128.load32_splat(p1, 8), w5, z1);
          z = fma(v128.load32_splat(p2), w6, z);
          z = fma(v128.load32_splat(p2, 4), w7, z);
          z = f32x4.add(z1, fma(v128.load32_splat(p2, 8), w8, z));
        }
        if (mode == GRADIENT) {
          s1 = f32x4.add(s1, z), s2 = fma(z, v128.load(<usize>arg(c, 14) + to), s2);
        } else {
          z = leaky(z, slope);
          s1 = f32x4.add(s1, z), s2 = fma(z, z, s2);
          if (mode != TRAIN) z = fma(z, v128.load(<usize>arg(c, 12) + o), v128.load(<usize>arg(c, 13) + o));
        }
        v128.store(<usize>arg(c, 7) + to, z);
        to += step, p += 4;
      }
    }
    if (arg(c, 15)) {
      const sums = <usize>arg(c, 15) + <usize>job * (step << 1) + o;
      v128.store(sums, s1), v128.store(sums + step, s2);
    }
  }
}

/**
 * Weight gradient between a scalar image and a tensor of channels, for one sample:
 * result[tap] = sum over pixels of image[pixel + tap] * tensor[pixel], result[taps] = sum of the tensor.
 * 1 image, 2 rows, 3 columns, 4 rows of taps, 5 tensor, 6 channels, 7 result [sample][taps + 1][channels], 8 1: taps in
 * reverse order, 9 1: the tensor is a gradient that first goes back through batch norm and leaky ReLU, with
 * 10 activation, 11 alpha, 12 beta, 13 gamma, 14 slope (see convolutionGradient).
 */
export function correlateImage(c: usize, job: i32, scratch: usize): void {
  const rows = arg(c, 2), cols = arg(c, 3), twoD = arg(c, 4) == 3, channels = arg(c, 6), back = arg(c, 9) != 0;
  const wide = padImage(<usize>arg(c, 1) + (<usize>(job * rows * cols) << 2), rows, cols, twoD, scratch);
  const step = <usize>channels << 2, taps = twoD ? 9 : 3;
  const slope = f32x4.splat(floatArg(c, 14)), line = <usize>wide << 2;
  const sample = <usize>(job * rows * cols) * step;
  for (let o: usize = 0; o < step; o += 16) {
    let s0 = f32x4.splat(0), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0, s8 = s0, all = s0;
    let alpha = s0, beta = s0, gamma = s0;
    if (back) {
      alpha = v128.load(<usize>arg(c, 11) + o), beta = v128.load(<usize>arg(c, 12) + o);
      gamma = v128.load(<usize>arg(c, 13) + o);
    }
    let at = sample + o;
    for (let y = 0; y < rows; y++) {
      let p = scratch + <usize>y * line;
      for (let x = 0; x < cols; x++) {
        let d = v128.load(<usize>arg(c, 5) + at);
        if (back) {
          const a = v128.load(<usize>arg(c, 10) + at);
          d = f32x4.mul(fma(d, alpha, fma(a, beta, gamma)), leakySlope(a, slope));
        }
        all = f32x4.add(all, d);
        s0 = fma(v128.load32_splat(p), d, s0);
        s1 = fma(v128.load32_splat(p, 4), d, s1);
        s2 = fma(v128.load32_splat(p, 8), d, s2);
        if (twoD) {
          const p1 = p + line, p2 = p1 + line;
          s3 = fma(v128.load32_splat(p1), d, s3);
          s4 = fma(v128.load32_splat(p1, 4), d, s4);
          s5 = fma(v128.load32_splat(p1, 8), d, s5);
          s6 = fma(v128.load32_splat(p2), d, s6);
          s7 = fma(v128.load32_splat(p2, 4), d, s7);
          s8 = fma(v128.load32_splat(p2, 8), d, s8);
        }
        at += step, p += 4;
      }
    }
    let to = <usize>arg(c, 7) + <usize>(job * (taps + 1)) * step + o, next = step;
    v128.store(to + <usize>taps * step, all);
    if (arg(c, 8)) to += <usize>(taps - 1) * step, next = 0 - step;
    v128.store(to, s0), v128.store(to + next, s1), v128.store(to + 2 * next, s2);
    if (twoD) {
      to += 3 * next;
      v128.store(to, s3), v128.store(to + next, s4), v128.store(to + 2 * next, s5);
      to += 3 * next;
      v128.store(to, s6), v128.store(to + next, s7), v128.store(to + 2 * next, s8);
    }
  }
}

/**
 * Many channels -> one, for one sample: each source pixel is multiplied by all taps and scattered.
 * 1 source, 2 rows, 3 columns, 4 rows of taps, 5 weight [tap][channels], 6 channels, 7 output, 8 bias, 9 slope,
 * 10 scale and 11 shift, 12 weight and 13 bias of the last pointwise convolution (evaluation: all four, else 0),
 * 14 sums [sample][2] of the activation and its square (training).
 */
export function contract(c: usize, job: i32, scratch: usize): void {
  const rows = arg(c, 2), cols = arg(c, 3), twoD = arg(c, 4) == 3;
  const wide = cols + 2, line = <usize>wide << 2, step = <usize>arg(c, 6) << 2, weight = <usize>arg(c, 5);
  memory.fill(scratch, 0, line * <usize>(twoD ? rows + 2 : 1));
  let from = <usize>arg(c, 1) + <usize>(job * rows * cols) * step;
  for (let y = 0; y < rows; y++) {
    // Tap (ty, tx) of the output at (y - ty + 1, x - tx + 1) reads this pixel; +1 once more for the border.
    let to = scratch + <usize>(twoD ? y + 2 : 0) * line + 8;
    for (let x = 0; x < cols; x++) {
      scatterTaps(from, weight, step, to);
      if (twoD) {
        scatterTaps(from, weight + 3 * step, step, to - line);
        scatterTaps(from, weight + 6 * step, step, to - 2 * line);
      }
      from += step, to += 4;
    }
  }
  finishScalars(c, job, scratch + (twoD ? line : 0) + 4, line);
}

/** to[-tap] += pixel . weight[tap] for three taps. */
// @ts-ignore: decorator
@inline
function scatterTaps(pixel: usize, weight: usize, step: usize, to: usize): void {
  let s0 = f32x4.splat(0), s1 = s0, s2 = s0;
  const w1 = weight + step, w2 = w1 + step;
  for (let o: usize = 0; o < step; o += 16) {
    const v = v128.load(pixel + o);
    s0 = fma(v, v128.load(weight + o), s0);
    s1 = fma(v, v128.load(w1 + o), s1);
    s2 = fma(v, v128.load(w2 + o), s2);
  }
  store<f32>(to, load<f32>(to) + sumLanes(s0));
  store<f32>(to - 4, load<f32>(to - 4) + sumLanes(s1));
  store<f32>(to - 8, load<f32>(to - 8) + sumLanes(s2));
}

function finishScalars(c: usize, job: i32, from: usize, line: usize): void {
  const rows = arg(c, 2), cols = arg(c, 3);
  const bias = load<f32>(arg(c, 8)), slope = floatArg(c, 9), evaluate = arg(c, 10) != 0;
  let to = <usize>arg(c, 7) + (<usize>(job * rows * cols) << 2);
  let sum: f64 = 0, squares: f64 = 0;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < cols; x++) {
      const z = load<f32>(from + (<usize>x << 2)) + bias;
      let a: f32 = z > 0 ? z : z * slope;
      sum += a, squares += <f64>a * a;
      if (evaluate) {
        a = (a * load<f32>(arg(c, 10)) + load<f32>(arg(c, 11))) * load<f32>(arg(c, 12)) + load<f32>(arg(c, 13));
      }
      store<f32>(to, a);
      to += 4;
    }
    from += line;
  }
  if (arg(c, 14)) {
    store<f32>(arg(c, 14) + (job << 3), <f32>sum);
    store<f32>(arg(c, 14) + (job << 3), <f32>squares, 4);
  }
}

/**
 * Sum of partial results in a fixed order, 64 floats a job.
 * 1 parts, 2 how many, 3 bytes from one to the next, 4 result, 5 floats.
 */
export function sumParts(c: usize, job: i32, _scratch: usize): void {
  const count = arg(c, 2), step = <usize>arg(c, 3), end = min(arg(c, 5), (job + 1) << 6);
  let i = job << 6;
  for (; i + 4 <= end; i += 4) {
    let p = <usize>arg(c, 1) + (<usize>i << 2), s = v128.load(p);
    for (let k = 1; k < count; k++) p += step, s = f32x4.add(s, v128.load(p));
    v128.store(<usize>arg(c, 4) + (<usize>i << 2), s);
  }
  for (; i < end; i++) {
    let p = <usize>arg(c, 1) + (<usize>i << 2), s: f32 = load<f32>(p);
    for (let k = 1; k < count; k++) p += step, s += load<f32>(p);
    store<f32>(<usize>arg(c, 4) + (<usize>i << 2), s);
  }
}
