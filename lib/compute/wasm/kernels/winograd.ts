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
// Points lie as [point][block of 64 channels][tile of the chunk][64], so that the matrix kernels see rows of 256
// bytes; 64 bytes between points keep them out of one cache set.
import { addTo, arg, floatArg, fma, leaky, leakySlope } from "./vector";
import { correlateRows, multiplyRows } from "./gemm";
import {
  globalPoint, input1, input2, input3, input4, inputAgain, inputCount, inputPair, output, outputCount, PAIR, pointCount,
} from "./transform";
import { spread } from "./spread";

const TILE_BYTES: usize = 80;
/** Scratch for one tile: up to 36 points, then up to 16 outputs, of 64 channels, then the outputs' byte offsets. */
const TILE_SCRATCH: usize = 36 * 256 + 16 * 256 + 256;
const RESULTS: usize = 36 * 256;
const OFFSETS: usize = RESULTS + 16 * 256;
/** Bytes between points, here and in filter.ts. */
export const PAD: usize = 64;

// Modes of finishing an output.
const TRAIN = 0;
const GRADIENT = 1;

/**
 * One chunk of a convolution from as many channels to as many.
 * 1 tiles, 2 tiles a sample, 3 tile table, 4 my (0: one dimension), 5 mx, 6 input, 7 its bytes a sample, 8 scale and
 * 9 shift (one float a channel) applied to it, 10 channels in, 11 filter points (filterPoints), 12 output, 13 its bytes a sample,
 * 14 channels out, 15 points of the filter in x, 16 tiles a chunk, 17 mode, 18 bias, 19 slope,
 * 20 scale and 21 shift after it (evaluation), 22 total, 23 1: write it, 2: add to it, 24 gradient to add or 0,
 * 25 activation or 0, 26 sums [chunk][2][channels out] or 0.
 */
export function convolve(c: usize, job: i32, scratch: usize): void {
  const chunk = arg(c, 16), first = job * chunk, rows = min(chunk, arg(c, 1) - first);
  const cin = arg(c, 10), cout = arg(c, 14);
  const blockBytes = <usize>chunk << 8;
  const stepIn = <usize>((cin + 63) >> 6) * blockBytes + PAD, stepOut = <usize>((cout + 63) >> 6) * blockBytes + PAD;
  // A point's product takes the place of the point before it, which has been used by then: all fits into the
  // second-level cache together with the filter.
  const m = scratch + TILE_SCRATCH, v = m + max(stepIn, stepOut);
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
        for (let r = 0; r < inputCount(my); r++) {
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
  if (mx == PAIR) {
    return inputPair(row + arg(entry, 6), row + arg(entry, 7), scale, shift, to, step, bytes);
  }
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
  const across = arg(c, 15);
  const blockBytes = <usize>arg(c, 16) << 8;
  const panelBytes = <usize>cin << 5, filterBytes = (<usize>(cin * cout) << 2) + PAD;
  for (let qy = 0; qy < pointCount(my); qy++) {
    for (let qx = 0; qx < pointCount(mx); qx++) {
      const panels = filter + <usize>(globalPoint(my, qy, across) * across + globalPoint(mx, qx, across)) * filterBytes;
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
  const results = scratch + RESULTS;
  const sums = arg(c, 26) ? <usize>arg(c, 26) + <usize>(job * cout) * 8 : 0;
  if (sums) memory.fill(sums, 0, <usize>cout * 8);
  let tile = first % perSample, sample = <usize>(first / perSample) * <usize>arg(c, 13);
  for (let i = 0; i < rows; i++) {
    const entry = table + <usize>tile * TILE_BYTES;
    const pixels = pixelOffsets(entry, my, mx, sample, scratch);
    for (let from = 0; from < cout; from += 64) {
      const bytes = <usize>min(64, cout - from) << 2;
      const at = m + (<usize>i << 8) + <usize>(from >> 6) * blockBytes;
      if (my == 0) output(mx, at, step, results, 256, bytes);
      else {
        for (let q: usize = 0; q < px; q++) {
          output(my, at + q * step, px * step, scratch + (q << 8), px << 8, bytes);
        }
        for (let r = 0; r < outputCount(my); r++) {
          output(mx, scratch + <usize>r * (px << 8), 256, results + <usize>(r * outputCount(mx)) * 256, 256, bytes);
        }
      }
      const channel = <usize>from << 2;
      if (mode == TRAIN) finishTraining(c, scratch, pixels, channel, sums, bytes);
      else if (mode == GRADIENT) finishGradient(c, scratch, pixels, channel, sums, bytes);
      else finishEvaluation(c, scratch, pixels, channel, bytes);
    }
    if (++tile == perSample) tile = 0, sample += arg(c, 13);
  }
}

/** Lists where a tile's outputs lie in their tensors; returns how many. */
function pixelOffsets(entry: usize, my: i32, mx: i32, sample: usize, scratch: usize): usize {
  let to = scratch + OFFSETS;
  for (let r = 0; r < outputCount(my); r++) {
    for (let x = 0; x < outputCount(mx); x++) {
      store<usize>(to, sample + <usize>arg(entry, 12 + r) + <usize>arg(entry, 16 + x));
      to += 4;
    }
  }
  return <usize>(outputCount(my) * outputCount(mx));
}

// The results of a tile lie 256 bytes apart; below, four channels of all of them are finished before the next four.

/** activation = leaky(result + bias), and the sums of it and its square. */
function finishTraining(c: usize, scratch: usize, pixels: usize, channel: usize, sums: usize, bytes: usize): void {
  const slope = f32x4.splat(floatArg(c, 19)), row = <usize>arg(c, 14) << 2;
  const offsets = scratch + OFFSETS, end = offsets + (pixels << 2);
  for (let k: usize = 0; k < bytes; k += 16) {
    const to = <usize>arg(c, 12) + channel + k, sum = sums + channel + k, bias = v128.load(arg(c, 18) + channel + k);
    let s1 = v128.load(sum), s2 = v128.load(sum + row), from = scratch + RESULTS + k;
    for (let p = offsets; p < end; p += 4) {
      const a = leaky(f32x4.add(v128.load(from), bias), slope);
      v128.store(to + load<usize>(p), a);
      s1 = f32x4.add(s1, a), s2 = fma(a, a, s2);
      from += 256;
    }
    v128.store(sum, s1), v128.store(sum + row, s2);
  }
}

/** The gradient of a layer's output (plus another one), and the sums of it and of it times the activation there. */
function finishGradient(c: usize, scratch: usize, pixels: usize, channel: usize, sums: usize, bytes: usize): void {
  const offsets = scratch + OFFSETS, end = offsets + (pixels << 2), row = <usize>arg(c, 14) << 2;
  for (let k: usize = 0; k < bytes; k += 16) {
    const o = channel + k, to = <usize>arg(c, 12) + o;
    const added = arg(c, 24) ? <usize>arg(c, 24) + o : 0, activation = <usize>arg(c, 25) + o;
    let s1 = f32x4.splat(0), s2 = s1, from = scratch + RESULTS + k;
    for (let p = offsets; p < end; p += 4) {
      const at = load<usize>(p);
      let d = v128.load(from);
      if (added) d = f32x4.add(d, v128.load(added + at));
      v128.store(to + at, d);
      if (sums) s1 = f32x4.add(s1, d), s2 = fma(d, v128.load(activation + at), s2);
      from += 256;
    }
    if (sums) addTo(sums + o, s1), addTo(sums + row + o, s2);
  }
}

/** output = leaky(result + bias) * scale + shift; in a pyramid all three values also go into the total. */
function finishEvaluation(c: usize, scratch: usize, pixels: usize, channel: usize, bytes: usize): void {
  const slope = f32x4.splat(floatArg(c, 19)), totalMode = arg(c, 23);
  const offsets = scratch + OFFSETS, end = offsets + (pixels << 2);
  for (let k: usize = 0; k < bytes; k += 16) {
    const o = channel + k, to = arg(c, 12) ? <usize>arg(c, 12) + o : 0, total = <usize>arg(c, 22) + o;
    const bias = v128.load(arg(c, 18) + o), scale = v128.load(arg(c, 20) + o), shift = v128.load(arg(c, 21) + o);
    let from = scratch + RESULTS + k;
    for (let p = offsets; p < end; p += 4) {
      const at = load<usize>(p);
      const z = f32x4.add(v128.load(from), bias), a = leaky(z, slope), y = fma(a, scale, shift);
      if (to) v128.store(to + at, y);
      if (totalMode) {
        const all = f32x4.add(f32x4.add(z, a), y);
        v128.store(total + at, totalMode == 1 ? all : f32x4.add(v128.load(total + at), all));
      }
      from += 256;
    }
  }
}

/**
 * The weight gradient of a stage for a group of tiles, chunk by chunk. Each chunk's way back leads through batch norm
 * and leaky ReLU to the gradient of the convolution's output, whose points times the input's points add up to the
 * weight gradient at the points. With y the batch norm's output and a its input,
 * dz = slope(a) (alpha dy + beta a + gamma [+ g]) [+ g], where g is the gradient of a pyramid's total.
 * A group's result is a slab of its own, so that sums are cut the same way with any number of threads.
 * 1 to 10 as `convolve`, 11 slabs [group][point][channels in][channels out], 12 dy, 13 a, 14 g or 0, 15 dz,
 * 16 tiles a chunk, 17 bytes a sample of those four, 18 channels out, 19 alpha, 20 beta, 21 gamma, 22 slope,
 * 23 sums of dz [group][channels out], 24 tiles a group.
 */
export function weightGradient(c: usize, job: i32, scratch: usize): void {
  const group = arg(c, 24), end = min(arg(c, 1), (job + 1) * group), chunk = arg(c, 16);
  const cin = arg(c, 10), cout = arg(c, 18), points = pointCount(arg(c, 4)) * pointCount(arg(c, 5));
  const blockBytes = <usize>chunk << 8;
  const stepIn = <usize>((cin + 63) >> 6) * blockBytes + PAD, stepOut = <usize>((cout + 63) >> 6) * blockBytes + PAD;
  const v = scratch + TILE_SCRATCH, m = v + <usize>points * stepIn;
  const plane = (<usize>(cin * cout) << 2) + PAD, slab = <usize>arg(c, 11) + <usize>(job * points) * plane;
  const sums = <usize>arg(c, 23) + (<usize>(job * cout) << 2);
  memory.fill(sums, 0, <usize>cout << 2);
  for (let first = job * group; first < end; first += chunk) {
    const rows = min(chunk, end - first);
    inputPoints(c, first, rows, v, stepIn, scratch);
    gradientPoints(c, first, rows, m, stepOut, sums, scratch);
    for (let q: usize = 0; q < <usize>points; q++) {
      correlatePoint(v + q * stepIn, m + q * stepOut, slab + q * plane, blockBytes, cin, cout, rows, first != job * group);
    }
  }
}

/** to [cin][cout] (+)= sum over tiles of a [cin] x b [cout]. */
function correlatePoint(
  a: usize, b: usize, to: usize, blockBytes: usize, cin: i32, cout: i32, rows: i32, accumulate: bool,
): void {
  const ldc = <usize>cout << 2;
  for (let i = 0; i < cin; i += 64) {
    for (let j = 0; j < cout; j += 8) {
      const panel = b + <usize>(j >> 6) * blockBytes + (<usize>(j & 63) << 2);
      correlateRows(a, panel, to + (<usize>j << 2), ldc, min(64, cin - i), rows, accumulate);
    }
    a += blockBytes, to += ldc << 6;
  }
}

function gradientPoints(c: usize, first: i32, rows: i32, v: usize, step: usize, sums: usize, scratch: usize): void {
  const perSample = arg(c, 2), my = arg(c, 4), mx = arg(c, 5), channels = arg(c, 18);
  const px = <usize>pointCount(mx), blockBytes = <usize>arg(c, 16) << 8;
  const results = scratch + RESULTS;
  let tile = first % perSample, sample = <usize>(first / perSample) * <usize>arg(c, 17);
  for (let i = 0; i < rows; i++) {
    const entry = <usize>arg(c, 3) + <usize>tile * TILE_BYTES;
    const pixels = pixelOffsets(entry, my, mx, sample, scratch);
    for (let from = 0; from < channels; from += 64) {
      const bytes = <usize>min(64, channels - from) << 2, channel = <usize>from << 2;
      backThroughNorm(c, scratch, pixels, channel, sums, bytes);
      const to = v + (<usize>i << 8) + <usize>(from >> 6) * blockBytes;
      if (my == 0) spread(mx, results, 256, to, step, bytes);
      else {
        for (let r = 0; r < outputCount(my); r++) {
          spread(mx, results + <usize>(r * outputCount(mx)) * 256, 256, scratch + <usize>r * (px << 8), 256, bytes);
        }
        for (let q: usize = 0; q < px; q++) {
          spread(my, scratch + (q << 8), px << 8, to + q * step, px * step, bytes);
        }
      }
    }
    if (++tile == perSample) tile = 0, sample += arg(c, 17);
  }
}

/** dz of a tile's pixels, to its tensor and to the scratch, and its sums. */
function backThroughNorm(c: usize, scratch: usize, pixels: usize, channel: usize, sums: usize, bytes: usize): void {
  const slope = f32x4.splat(floatArg(c, 22));
  const offsets = scratch + OFFSETS, end = offsets + (pixels << 2);
  for (let k: usize = 0; k < bytes; k += 16) {
    const o = channel + k, dy = <usize>arg(c, 12) + o, a = <usize>arg(c, 13) + o, dz = <usize>arg(c, 15) + o;
    const g = arg(c, 14) ? <usize>arg(c, 14) + o : 0;
    const alpha = v128.load(arg(c, 19) + o), beta = v128.load(arg(c, 20) + o), gamma = v128.load(arg(c, 21) + o);
    let sum = f32x4.splat(0), copy = scratch + RESULTS + k;
    for (let p = offsets; p < end; p += 4) {
      const at = load<usize>(p), activation = v128.load(a + at), factor = leakySlope(activation, slope);
      let d = fma(v128.load(dy + at), alpha, fma(activation, beta, gamma));
      if (g) {
        const added = v128.load(g + at);
        d = fma(f32x4.add(d, added), factor, added);
      } else d = f32x4.mul(d, factor);
      v128.store(dz + at, d), v128.store(copy, d);
      sum = f32x4.add(sum, d);
      copy += 256;
    }
    addTo(sums + o, sum);
  }
}
