// Convolution with three taps a dimension ("same", any dilation) by Winograd's method, for channels-last tensors.
//
// A tile is up to 4 x 4 (or 4) outputs that lie `dilation` apart, so that for the tile a dilated convolution is a plain
// one. A chunk of tiles is one job: transform the inputs of its tiles to points, multiply the points' [tiles x channels]
// matrices by the transformed filter, transform back, and finish each output (bias, leaky ReLU, sums for batch norm)
// while it is in the cache. Tiles of one size form a class; a convolution has one command for each class.
//
// A row of a tile table: byte offsets in a sample of its 6 input rows and 6 input columns (-1: outside, zero), then of
// its 4 output rows and 4 output columns. In one dimension the row has one row at offset 0.
//
// Points lie as [chunk][point][block of 64 channels][tile of the chunk][64], so that the matrix kernels see rows of 256
// bytes; 64 bytes between points keep them out of one cache set.
import { addTo, arg, floatArg, fma, leaky, leakySlope, unleaky } from "./vector";
import { correlateRows, multiplyRows } from "./gemm";
import {
  A, B, globalPoint, input1, input2, input3, input4, inputAgain, localPoint, output, plus, pointCount, scaled, spread,
} from "./transform";

const TILE_BYTES: usize = 80;
/** Scratch for one tile: up to 36 points, then up to 16 outputs, of 64 channels. */
const TILE_SCRATCH: usize = 36 * 256 + 16 * 256;
const PAD: usize = 64;

// Modes of finishing an output.
const TRAIN = 0;
const GRADIENT = 1;

/**
 * One chunk of a convolution.
 * 1 tiles, 2 tiles a sample, 3 tile table, 4 my (0: one dimension), 5 mx, 6 input, 7 its bytes a sample, 8 scale and
 * 9 shift (one float a channel) applied to it, 10 channels in, 11 filter points, 12 output, 13 its bytes a sample,
 * 14 channels out, 15 where to keep the input's points or 0, 16 tiles a chunk, 17 mode, 18 bias, 19 slope,
 * 20 scale and 21 shift after it (evaluation), 22 total, 23 1: write it, 2: add to it, 24 gradient to add or 0,
 * 25 activation or 0, 26 sums [chunk][2][channels out] or 0.
 */
export function convolve(c: usize, job: i32, scratch: usize): void {
  const chunk = arg(c, 16), first = job * chunk, rows = min(chunk, arg(c, 1) - first);
  const my = arg(c, 4), mx = arg(c, 5), cin = arg(c, 10), cout = arg(c, 14);
  const points = pointCount(my) * pointCount(mx);
  const blockBytes = <usize>chunk << 8;
  const stepIn = <usize>((cin + 63) >> 6) * blockBytes + PAD, stepOut = <usize>((cout + 63) >> 6) * blockBytes + PAD;
  let v = scratch + TILE_SCRATCH, m = v;
  if (arg(c, 15)) v = <usize>arg(c, 15) + <usize>job * <usize>points * stepIn;
  else m += <usize>points * stepIn;
  inputPoints(c, first, rows, v, stepIn, scratch);
  multiplyPoints(c, rows, v, stepIn, m, stepOut);
  outputPoints(c, job, first, rows, m, stepOut, scratch);
}

function inputPoints(c: usize, first: i32, rows: i32, v: usize, step: usize, scratch: usize): void {
  const perSample = arg(c, 2), table = <usize>arg(c, 3), my = arg(c, 4), cin = arg(c, 10);
  const blockBytes = <usize>arg(c, 16) << 8;
  const px = <usize>pointCount(arg(c, 5));
  let tile = first % perSample;
  let source = <usize>arg(c, 6) + <usize>(first / perSample) * <usize>arg(c, 7);
  for (let i = 0; i < rows; i++) {
    const entry = table + <usize>tile * TILE_BYTES;
    for (let from = 0; from < cin; from += 64) {
      const bytes = <usize>min(64, cin - from) << 2;
      const at = source + (<usize>from << 2);
      const to = v + (<usize>i << 8) + <usize>(from >> 6) * blockBytes;
      if (my == 0) inputRow(c, entry, at, from, to, step, bytes);
      else {
        for (let r = 0; r < my + 2; r++) {
          const row = scratch + <usize>r * (px << 8), offset = arg(entry, r);
          if (offset < 0) memory.fill(row, 0, px << 8);
          else inputRow(c, entry, at + offset, from, row, 256, bytes);
        }
        for (let q: usize = 0; q < px; q++) {
          inputAgain(my, scratch + (q << 8), px << 8, to + q * step, px * step, bytes);
        }
      }
    }
    if (++tile == perSample) tile = 0, source += arg(c, 7);
  }
}

/** Transforms the taps of one input row of a tile. */
function inputRow(c: usize, entry: usize, row: usize, channel: i32, to: usize, step: usize, bytes: usize): void {
  const mx = arg(c, 5);
  const scale = <usize>arg(c, 8) + (<usize>channel << 2), shift = <usize>arg(c, 9) + (<usize>channel << 2);
  const o0 = arg(entry, 6), oLast = arg(entry, 7 + mx);
  const first = i32x4.splat(o0 < 0 ? 0 : -1), last = i32x4.splat(oLast < 0 ? 0 : -1);
  const p1 = row + arg(entry, 7);
  const p0 = o0 < 0 ? p1 : row + o0, pLast = oLast < 0 ? p1 : row + oLast;
  if (mx == 4) {
    const p2 = row + arg(entry, 8), p3 = row + arg(entry, 9), p4 = row + arg(entry, 10);
    input4(p0, p1, p2, p3, p4, pLast, scale, shift, first, last, to, step, bytes);
  } else if (mx == 3) {
    input3(p0, p1, row + arg(entry, 8), row + arg(entry, 9), pLast, scale, shift, first, last, to, step, bytes);
  } else if (mx == 2) input2(p0, p1, row + arg(entry, 8), pLast, scale, shift, first, last, to, step, bytes);
  else input1(p0, p1, pLast, scale, shift, first, last, to, step, bytes);
}

function multiplyPoints(c: usize, rows: i32, v: usize, stepIn: usize, m: usize, stepOut: usize): void {
  const my = arg(c, 4), mx = arg(c, 5), cin = arg(c, 10), cout = arg(c, 14), filter = <usize>arg(c, 11);
  const blockBytes = <usize>arg(c, 16) << 8;
  const panelBytes = <usize>cin << 5, filterBytes = <usize>(cin * cout) << 2;
  for (let qy = 0; qy < pointCount(my); qy++) {
    for (let qx = 0; qx < pointCount(mx); qx++) {
      const panels = filter + <usize>(globalPoint(my, qy) * 6 + globalPoint(mx, qx)) * filterBytes;
      for (let k = 0; k < cin; k += 64) {
        const a = v + <usize>(k >> 6) * blockBytes;
        multiplyRows(a, panels + (<usize>k << 5), m, rows, cout, min(64, cin - k), panelBytes, blockBytes, k > 0);
      }
      v += stepIn, m += stepOut;
    }
  }
}

function outputPoints(c: usize, job: i32, first: i32, rows: i32, m: usize, step: usize, scratch: usize): void {
  const perSample = arg(c, 2), table = <usize>arg(c, 3), my = arg(c, 4), mx = arg(c, 5), cout = arg(c, 14);
  const blockBytes = <usize>arg(c, 16) << 8;
  const px = <usize>pointCount(mx), mode = arg(c, 17);
  const results = scratch + 36 * 256;
  const sums = arg(c, 26) ? <usize>arg(c, 26) + <usize>(job * cout) * 8 : 0;
  if (sums) memory.fill(sums, 0, <usize>cout * 8);
  let tile = first % perSample, sample = <usize>(first / perSample) * <usize>arg(c, 13);
  for (let i = 0; i < rows; i++) {
    const entry = table + <usize>tile * TILE_BYTES;
    for (let from = 0; from < cout; from += 64) {
      const bytes = <usize>min(64, cout - from) << 2;
      const at = m + (<usize>i << 8) + <usize>(from >> 6) * blockBytes;
      if (my == 0) output(mx, at, step, results, 256, bytes);
      else {
        for (let q: usize = 0; q < px; q++) {
          output(my, at + q * step, px * step, scratch + (q << 8), px << 8, bytes);
        }
        for (let r = 0; r < my; r++) {
          output(mx, scratch + <usize>r * (px << 8), 256, results + <usize>(r * mx) * 256, 256, bytes);
        }
      }
      const channel = <usize>from << 2;
      for (let r = 0; r < max(my, 1); r++) {
        for (let x = 0; x < mx; x++) {
          const from = results + <usize>(r * mx + x) * 256;
          const o = sample + <usize>arg(entry, 12 + r) + <usize>arg(entry, 16 + x) + channel;
          if (mode == TRAIN) finishTraining(c, from, o, channel, sums, bytes);
          else if (mode == GRADIENT) finishGradient(c, from, o, channel, sums, bytes);
          else finishEvaluation(c, from, o, channel, bytes);
        }
      }
    }
    if (++tile == perSample) tile = 0, sample += arg(c, 13);
  }
}

/** activation = leaky(result + bias), and the sums of it and its square. */
function finishTraining(c: usize, from: usize, o: usize, channel: usize, sums: usize, bytes: usize): void {
  const to = <usize>arg(c, 12) + o, bias = <usize>arg(c, 18) + channel;
  const slope = f32x4.splat(floatArg(c, 19));
  const sum = sums + channel, squares = sum + (<usize>arg(c, 14) << 2);
  for (let k: usize = 0; k < bytes; k += 16) {
    const a = leaky(f32x4.add(v128.load(from + k), v128.load(bias + k)), slope);
    v128.store(to + k, a);
    v128.store(sum + k, f32x4.add(v128.load(sum + k), a));
    v128.store(squares + k, fma(a, a, v128.load(squares + k)));
  }
}

/** The gradient of a layer's output (plus another one), and the sums of it and of it times the activation there. */
function finishGradient(c: usize, from: usize, o: usize, channel: usize, sums: usize, bytes: usize): void {
  const to = <usize>arg(c, 12) + o, added = <usize>arg(c, 24) + o, activation = <usize>arg(c, 25) + o;
  const sum = sums + channel, products = sum + (<usize>arg(c, 14) << 2);
  const adds = arg(c, 24) != 0;
  for (let k: usize = 0; k < bytes; k += 16) {
    let d = v128.load(from + k);
    if (adds) d = f32x4.add(d, v128.load(added + k));
    v128.store(to + k, d);
    if (sums) {
      addTo(sum + k, d);
      v128.store(products + k, fma(d, v128.load(activation + k), v128.load(products + k)));
    }
  }
}

/** output = leaky(result + bias) * scale + shift; in a pyramid all three values also go into the total. */
function finishEvaluation(c: usize, from: usize, o: usize, channel: usize, bytes: usize): void {
  const to = <usize>arg(c, 12), total = <usize>arg(c, 22) + o, totalMode = arg(c, 23);
  const bias = <usize>arg(c, 18) + channel, scale = <usize>arg(c, 20) + channel, shift = <usize>arg(c, 21) + channel;
  const slope = f32x4.splat(floatArg(c, 19));
  for (let k: usize = 0; k < bytes; k += 16) {
    const z = f32x4.add(v128.load(from + k), v128.load(bias + k));
    const a = leaky(z, slope);
    const y = fma(a, v128.load(scale + k), v128.load(shift + k));
    if (to) v128.store(to + o + k, y);
    if (totalMode) {
      const all = f32x4.add(f32x4.add(z, a), y);
      v128.store(total + k, totalMode == 1 ? all : f32x4.add(v128.load(total + k), all));
    }
  }
}

/**
 * One chunk of a stage's way back: through batch norm and leaky ReLU to the gradient of the convolution's output, and
 * that gradient's points for the weight gradient. With y the batch norm's output and a its input,
 * dz = slope(a) (alpha dy + beta a + gamma [+ g]) [+ g], where g is the gradient of a pyramid's total.
 * 1 tiles, 2 tiles a sample, 3 tile table, 4 my, 5 mx, 6 dy, 7 a, 8 g or 0, 9 dz, 10 bytes a sample, 11 channels,
 * 12 alpha, 13 beta, 14 gamma, 15 slope, 16 points, 17 tiles a chunk, 18 sums of dz [chunk][channels].
 */
export function convolutionGradient(c: usize, job: i32, scratch: usize): void {
  const chunk = arg(c, 17), first = job * chunk, rows = min(chunk, arg(c, 1) - first);
  const perSample = arg(c, 2), my = arg(c, 4), mx = arg(c, 5), channels = arg(c, 11);
  const px = <usize>pointCount(mx), blockBytes = <usize>chunk << 8;
  const step = <usize>((channels + 63) >> 6) * blockBytes + PAD;
  const v = <usize>arg(c, 16) + <usize>job * <usize>pointCount(my) * px * step;
  const sums = <usize>arg(c, 18) + (<usize>(job * channels) << 2);
  const results = scratch + 36 * 256;
  memory.fill(sums, 0, <usize>channels << 2);
  let tile = first % perSample, sample = <usize>(first / perSample) * <usize>arg(c, 10);
  for (let i = 0; i < rows; i++) {
    const entry = <usize>arg(c, 3) + <usize>tile * TILE_BYTES;
    for (let from = 0; from < channels; from += 64) {
      const bytes = <usize>min(64, channels - from) << 2, channel = <usize>from << 2;
      for (let r = 0; r < max(my, 1); r++) {
        for (let x = 0; x < mx; x++) {
          const o = sample + <usize>arg(entry, 12 + r) + <usize>arg(entry, 16 + x) + channel;
          backThroughNorm(c, o, channel, results + <usize>(r * mx + x) * 256, sums + channel, bytes);
        }
      }
      const to = v + (<usize>i << 8) + <usize>(from >> 6) * blockBytes;
      if (my == 0) spread(mx, results, 256, to, step, bytes);
      else {
        for (let r = 0; r < my; r++) {
          spread(mx, results + <usize>(r * mx) * 256, 256, scratch + <usize>r * (px << 8), 256, bytes);
        }
        for (let q: usize = 0; q < px; q++) {
          spread(my, scratch + (q << 8), px << 8, to + q * step, px * step, bytes);
        }
      }
    }
    if (++tile == perSample) tile = 0, sample += arg(c, 10);
  }
}

function backThroughNorm(c: usize, o: usize, channel: usize, copy: usize, sums: usize, bytes: usize): void {
  const dy = <usize>arg(c, 6) + o, a = <usize>arg(c, 7) + o, g = <usize>arg(c, 8), dz = <usize>arg(c, 9) + o;
  const alpha = <usize>arg(c, 12) + channel, beta = <usize>arg(c, 13) + channel, gamma = <usize>arg(c, 14) + channel;
  const slope = f32x4.splat(floatArg(c, 15));
  for (let k: usize = 0; k < bytes; k += 16) {
    const activation = v128.load(a + k);
    let d = fma(v128.load(dy + k), v128.load(alpha + k), fma(activation, v128.load(beta + k), v128.load(gamma + k)));
    if (g) {
      const added = v128.load(g + o + k);
      d = fma(f32x4.add(d, added), leakySlope(activation, slope), added);
    } else d = f32x4.mul(d, leakySlope(activation, slope));
    v128.store(dz + k, d);
    v128.store(copy + k, d);
    addTo(sums + k, d);
  }
}

/**
 * The weight gradient at one point, for 32 output channels: the sum over all tiles of input point x gradient point.
 * 1 result [point][channels in][channels out], 2 channels in, 3 channels out, 4 points in y (1 or 6), 5 classes,
 * then for each class: tiles, my, mx, input points, gradient points, tiles a chunk.
 */
export function weightPoints(c: usize, job: i32, _scratch: usize): void {
  const cin = arg(c, 2), cout = arg(c, 3), parts = (cout + 31) >> 5;
  const point = job / parts, from = (job % parts) << 5, wide = min(32, cout - from);
  const ldc = <usize>cout << 2;
  const to = <usize>arg(c, 1) + <usize>point * <usize>cin * ldc + (<usize>from << 2);
  for (let i = 0; i < cin; i++) memory.fill(to + <usize>i * ldc, 0, <usize>wide << 2);
  for (let k = 0; k < arg(c, 5); k++) {
    const entry = c + <usize>(6 + 6 * k) * 4;
    const my = arg(entry, 1), mx = arg(entry, 2), chunk = arg(entry, 5);
    const qy = localPoint(my, point / 6), qx = localPoint(mx, point % 6);
    if (qy < 0 || qx < 0) continue;
    const q = <usize>(qy * pointCount(mx) + qx), points = <usize>(pointCount(my) * pointCount(mx));
    const blockBytes = <usize>chunk << 8;
    const stepIn = <usize>((cin + 63) >> 6) * blockBytes + PAD, stepOut = <usize>((cout + 63) >> 6) * blockBytes + PAD;
    let a = <usize>arg(entry, 3) + q * stepIn;
    let b = <usize>arg(entry, 4) + q * stepOut + <usize>(from >> 6) * blockBytes + (<usize>(from & 63) << 2);
    for (let left = arg(entry, 0); left > 0; left -= chunk) {
      for (let i = 0; i < cin; i += 64) {
        const rowsOfA = a + <usize>(i >> 6) * blockBytes, c0 = to + <usize>i * ldc;
        for (let o: usize = 0; o < <usize>wide << 2; o += 32) {
          correlateRows(rowsOfA, b + o, c0 + o, ldc, min(64, cin - i), min(chunk, left));
        }
      }
      a += points * stepIn, b += points * stepOut;
    }
  }
}

/**
 * Weight gradient at the points -> taps, for one input channel.
 * 1 points [point][channels in][channels out], 2 gradient [tap][channels in][channels out], 3 channels in,
 * 4 channels out, 5 rows of taps (1 or 3).
 */
export function weightTaps(c: usize, job: i32, scratch: usize): void {
  const cout = <usize>arg(c, 4) << 2, plane = <usize>arg(c, 3) * cout;
  const from = <usize>arg(c, 1) + <usize>job * cout, to = <usize>arg(c, 2) + <usize>job * cout;
  for (let o: usize = 0; o < cout; o += 16) {
    if (arg(c, 5) == 1) pointsToTaps(from + o, plane, to + o, plane);
    else {
      for (let y: usize = 0; y < 6; y++) pointsToTaps(from + o + 6 * y * plane, plane, scratch + y * 48, 16);
      for (let x: usize = 0; x < 3; x++) pointsToTaps(scratch + x * 16, 48, to + o + x * plane, 3 * plane);
    }
  }
}

/** The filter transform's transpose. */
function pointsToTaps(from: usize, step: usize, to: usize, toStep: usize): void {
  const u0 = v128.load(from), u1 = v128.load(from + step), u2 = v128.load(from + 2 * step);
  const u3 = v128.load(from + 3 * step), u4 = v128.load(from + 4 * step), u5 = v128.load(from + 5 * step);
  const s1 = f32x4.add(u1, u2), s2 = f32x4.add(u3, u4);
  v128.store(to, f32x4.add(u0, f32x4.add(s1, s2)));
  v128.store(to + toStep, plus(f32x4.sub(u3, u4), B, scaled(f32x4.sub(u1, u2), A)));
  v128.store(to + 2 * toStep, plus(s2, B * B, plus(s1, A * A, u5)));
}

/**
 * Filter taps -> points packed for multiplyRows, for one input channel of the weight.
 * 1 weight [tap][channels in][channels out], 2 points [point][channels out / 8][channels in][8], 3 channels in,
 * 4 channels out, 5 rows of taps, 6 1: the filter of the input gradient, turned by 180 degrees, with the roles of the
 * channels exchanged: [point][channels in / 8][channels out][8].
 */
export function filterPoints(c: usize, job: i32, scratch: usize): void {
  const cin = <usize>arg(c, 3), cout = <usize>arg(c, 4), flip = arg(c, 6) != 0, twoD = arg(c, 5) == 3;
  const plane = cin * cout << 2, from = <usize>arg(c, 1) + (<usize>job * cout << 2), to = <usize>arg(c, 2);
  const points: usize = twoD ? 36 : 6;
  for (let o: usize = 0; o < cout; o += 4) {
    if (twoD) {
      for (let x: usize = 0; x < 3; x++) {
        tapsToPoints(from + (o << 2) + (flip ? 2 - x : x) * plane, 3 * plane, scratch + (x << 4), 48, flip);
      }
      for (let y: usize = 0; y < 6; y++) tapsToPoints(scratch + y * 48, 16, scratch + 512 + y * 96, 16, false);
    } else tapsToPoints(from + (o << 2), plane, scratch + 512, 16, flip);
    let p = flip ? to + ((<usize>(job >> 3) * cout + o) << 5) + (<usize>(job & 7) << 2)
      : to + (((o >> 3) * cin + job) << 5) + ((o & 7) << 2);
    for (let q: usize = 0; q < points; q++) {
      const u = v128.load(scratch + 512 + (q << 4));
      if (flip) {
        v128.store32_lane(p, u, 0), v128.store32_lane(p, u, 1, 32);
        v128.store32_lane(p, u, 2, 64), v128.store32_lane(p, u, 3, 96);
      } else v128.store(p, u);
      p += plane;
    }
  }
}

function tapsToPoints(from: usize, step: usize, to: usize, toStep: usize, flip: bool): void {
  const first = v128.load(from), g1 = v128.load(from + step), last = v128.load(from + 2 * step);
  const g0 = flip ? last : first, g2 = flip ? first : last;
  const e1 = plus(g2, A * A, g0), o1 = scaled(g1, A), e2 = plus(g2, B * B, g0), o2 = scaled(g1, B);
  v128.store(to, g0);
  v128.store(to + toStep, f32x4.add(e1, o1));
  v128.store(to + 2 * toStep, f32x4.sub(e1, o1));
  v128.store(to + 3 * toStep, f32x4.add(e2, o2));
  v128.store(to + 4 * toStep, f32x4.sub(e2, o2));
  v128.store(to + 5 * toStep, g2);
}

/** For the pyramid: z + a + y from a stage's activation a, with y = a * scale + shift. */
// @ts-ignore: decorator
@inline
export function threefold(a: v128, inverseSlope: v128, scale: v128, shift: v128): v128 {
  return f32x4.add(f32x4.add(unleaky(a, inverseSlope), a), fma(a, scale, shift));
}
