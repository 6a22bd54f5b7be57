// What remains: gathering a mini-batch, the pyramid's total, sums over 2 x 2 cells, the loss, and Adam.
import { arg, floatArg, fma, unleaky } from "./vector";

/**
 * One row of a mini-batch, with noise (optimiser.ts) where its factor is not 0.
 * 1 set, 2 floats a row, 3 indices, 4 indices a step, 5 to, 6 factors of the steps (`adam`), 7 noise factor.
 */
export function gatherRow(c: usize, job: i32, step: i32): void {
  const bytes = <usize>arg(c, 2) << 2, factor = floatArg(c, 7);
  const row = <usize>load<i32>(arg(c, 3) + ((step * arg(c, 4) + job) << 2));
  const from = <usize>arg(c, 1) + row * bytes, to = <usize>arg(c, 5) + <usize>job * bytes;
  if (factor == 0) {
    memory.copy(to, from, bytes);
    return;
  }
  const key = mix(load<u32>(<usize>arg(c, 6) + (<usize>step << 4), 12) ^ (<u32>(job + 1) * 0x85ebca6b));
  let counter = key;
  for (let o: usize = 0; o < bytes; o += 4) {
    const a = mix((counter += 0x9e3779b9)), b = mix((counter += 0x9e3779b9));
    const sum = <i32>((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16)) - 131070;
    store<f32>(to + o, load<f32>(from + o) + <f32>sum * factor);
  }
}

/** MurmurHash3's finaliser. */
// @ts-ignore: decorator
@inline
function mix(h: u32): u32 {
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

/**
 * Total of a pyramid for 64 pixels: the sum over stages of z + a + y, all from the activation a.
 * 1 total, 2 pixels, 3 channels, 4 1 / slope, 5 stages, then for each: activation, scale, shift.
 */
export function pyramidTotal(c: usize, job: i32, _scratch: usize): void {
  const stride = <usize>arg(c, 3) << 2, first = job << 6, pixels = <usize>min(64, arg(c, 2) - first);
  const start = <usize>first * stride, end = start + pixels * stride;
  const inverse = f32x4.splat(floatArg(c, 4)), one = f32x4.splat(1);
  for (let stage = 0; stage < arg(c, 5); stage++) {
    const a = <usize>arg(c, 6 + 3 * stage), scale = <usize>arg(c, 7 + 3 * stage), shift = <usize>arg(c, 8 + 3 * stage);
    const total = <usize>arg(c, 1);
    for (let o: usize = 0; o < stride; o += 16) {
      const s = f32x4.add(v128.load(scale + o), one), t = v128.load(shift + o);
      for (let at = start + o; at < end; at += stride) {
        const v = v128.load(a + at), all = f32x4.add(unleaky(v, inverse), fma(v, s, t));
        v128.store(total + at, stage == 0 ? all : f32x4.add(v128.load(total + at), all));
      }
    }
  }
}

/**
 * The way back through nearest-neighbour upsampling, for one sample: sums over 2 x 2 cells.
 * 1 gradient [2 rows][2 cols][channels], 2 result [rows][cols][channels], 3 rows, 4 columns, 5 channels, 6 activation,
 * 7 sums [sample][2][channels].
 */
export function sumCells(c: usize, job: i32, _scratch: usize): void {
  const rows = arg(c, 3), cols = arg(c, 4), stride = <usize>arg(c, 5) << 2;
  const sample = <usize>(job * rows * cols) * stride, line = <usize>(2 * cols) * stride;
  const sums = <usize>arg(c, 7) + <usize>job * (stride << 1);
  for (let o: usize = 0; o < stride; o += 16) {
    let s1 = f32x4.splat(0), s2 = s1, at = sample + o;
    for (let y = 0; y < rows; y++) {
      let p = <usize>arg(c, 1) + 4 * sample + <usize>(2 * y) * line + o;
      for (let x = 0; x < cols; x++) {
        const upper = f32x4.add(v128.load(p), v128.load(p + stride));
        const lower = f32x4.add(v128.load(p + line), v128.load(p + line + stride));
        const d = f32x4.add(upper, lower);
        v128.store(<usize>arg(c, 2) + at, d);
        s1 = f32x4.add(s1, d), s2 = fma(d, v128.load(<usize>arg(c, 6) + at), s2);
        at += stride, p += stride << 1;
      }
    }
    v128.store(sums + o, s1), v128.store(sums + stride + o, s2);
  }
}

/**
 * Last pointwise convolution and mean squared error, for one sample.
 * 1 activation, 2 target, 3 values a sample, 4 scale and shift (two floats), 5 w, 6 b, 7 out, 8 gradient of out,
 * 9 factor 2 / (samples * values), 10 sums [sample][3] float64: squares, gradient, gradient * activation, 11 whether to
 * add to what is in `out`.
 */
export function lossGradient(c: usize, job: i32, _scratch: usize): void {
  const values = arg(c, 3), scale = load<f32>(arg(c, 4)), shift = load<f32>(arg(c, 4), 4);
  const w = load<f32>(arg(c, 5)), b = load<f32>(arg(c, 6)), factor = floatArg(c, 9);
  let squares: f64 = 0, sum: f64 = 0, products: f64 = 0;
  for (let i = job * values; i < (job + 1) * values; i++) {
    const o = <usize>i << 2, a = load<f32>(arg(c, 1) + o);
    const held: f32 = arg(c, 11) ? load<f32>(arg(c, 7) + o) : 0;
    const out = (a * scale + shift) * w + b + held, difference = out - load<f32>(arg(c, 2) + o), d = difference * factor;
    store<f32>(arg(c, 7) + o, out);
    store<f32>(arg(c, 8) + o, d);
    squares += <f64>difference * difference, sum += d, products += <f64>d * a;
  }
  const to = <usize>arg(c, 10) + <usize>job * 24;
  store<f64>(to, squares), store<f64>(to, sum, 8), store<f64>(to, products, 16);
}

/**
 * Back through the one-channel batch norm and leaky ReLU, for one sample, in place.
 * 1 gradient, 2 activation, 3 values a sample, 4 alpha, beta, gamma (three floats), 5 slope, 6 sums [sample].
 */
export function scalarBack(c: usize, job: i32, _scratch: usize): void {
  const values = arg(c, 3), slope = floatArg(c, 5), k = <usize>arg(c, 4);
  const alpha = load<f32>(k), beta = load<f32>(k, 4), gamma = load<f32>(k, 8);
  let sum: f64 = 0;
  for (let i = job * values; i < (job + 1) * values; i++) {
    const o = <usize>i << 2, a = load<f32>(arg(c, 2) + o);
    const d = (load<f32>(arg(c, 1) + o) * alpha + a * beta + gamma) * (a > 0 ? 1 : slope);
    store<f32>(arg(c, 1) + o, d);
    sum += d;
  }
  store<f32>(arg(c, 6) + (job << 2), <f32>sum);
}

/**
 * Adam for 4096 floats, after decoupled weight decay. 1 parameters, 2 gradients, 3 first and 4 second moments, 5 floats,
 * 6 per step: rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t), decay, key of the noise; 7 beta1, 8 beta2, 9 eps.
 */
export function adam(c: usize, job: i32, step: i32): void {
  const table = <usize>arg(c, 6) + (<usize>step << 4);
  const rate = f32x4.splat(-load<f32>(table)), correction = f32x4.splat(load<f32>(table, 4));
  const decay = f32x4.splat(load<f32>(table, 8));
  const b1 = f32x4.splat(floatArg(c, 7)), b2 = f32x4.splat(floatArg(c, 8)), eps = f32x4.splat(floatArg(c, 9));
  const c1 = f32x4.splat(<f32>(1.0 - <f64>floatArg(c, 7))), c2 = f32x4.splat(<f32>(1.0 - <f64>floatArg(c, 8)));
  const p = <usize>arg(c, 1), g = <usize>arg(c, 2), m = <usize>arg(c, 3), v = <usize>arg(c, 4);
  const end = <usize>min(arg(c, 5), (job + 1) << 12) << 2;
  for (let o = <usize>job << 14; o < end; o += 16) {
    const gradient = v128.load(g + o);
    const first = fma(gradient, c1, f32x4.mul(v128.load(m + o), b1));
    const second = fma(f32x4.mul(gradient, gradient), c2, f32x4.mul(v128.load(v + o), b2));
    v128.store(m + o, first), v128.store(v + o, second);
    const step = f32x4.div(first, fma(f32x4.sqrt(second), correction, eps));
    v128.store(p + o, fma(step, rate, f32x4.mul(v128.load(p + o), decay)));
  }
}
