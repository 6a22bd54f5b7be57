// Dense layers between a flattened activation (long) and the latent variables (short): three products, of which the
// forward and backward passes of both dense layers are made. The weight lies as [latent][pixel][channel].
import { addTo, arg, fma, sumLanes } from "./vector";

/** Floats of the long side handled at a time. */
const PIECE = 4096;

/**
 * Long -> short for one sample: out[l] = (x * scale + shift) . W[l] + bias[l] (+ out[l]).
 * 1 x, 2 floats a sample, 3 channels, 4 scale, 5 shift, 6 W, 7 short length, 8 bias or 0, 9 out, 10 whether to add.
 */
export function denseDot(c: usize, job: i32, scratch: usize): void {
  const floats = arg(c, 2), channels = arg(c, 3), length = arg(c, 7);
  const x = <usize>arg(c, 1) + (<usize>(job * floats) << 2), out = <usize>arg(c, 9) + (<usize>(job * length) << 2);
  const sums = scratch + (PIECE << 2), scale = <usize>arg(c, 4), shift = <usize>arg(c, 5);
  memory.fill(sums, 0, <usize>length << 4);
  const stride = <usize>channels << 2;
  let channel: usize = 0;
  for (let from = 0; from < floats; from += PIECE) {
    const bytes = <usize>min(PIECE, floats - from) << 2, piece = x + (<usize>from << 2);
    for (let o: usize = 0; o < bytes; o += 16) {
      v128.store(scratch + o, fma(v128.load(piece + o), v128.load(scale + channel), v128.load(shift + channel)));
      channel += 16;
      if (channel == stride) channel = 0;
    }
    let w = <usize>arg(c, 6) + (<usize>from << 2);
    for (let l = 0; l < length; l++) {
      let s0 = v128.load(sums + (<usize>l << 4)), s1 = f32x4.splat(0);
      for (let o: usize = 0; o < bytes; o += 32) {
        s0 = fma(v128.load(scratch + o), v128.load(w + o), s0);
        s1 = fma(v128.load(scratch + o, 16), v128.load(w + o, 16), s1);
      }
      v128.store(sums + (<usize>l << 4), f32x4.add(s0, s1));
      w += <usize>floats << 2;
    }
  }
  for (let l = 0; l < length; l++) {
    const bias: f32 = arg(c, 8) ? load<f32>(arg(c, 8) + (l << 2)) : 0;
    const held: f32 = arg(c, 10) ? load<f32>(out + (<usize>l << 2)) : 0;
    store<f32>(out + (<usize>l << 2), sumLanes(v128.load(sums + (<usize>l << 4))) + bias + held);
  }
}

/**
 * Short -> long for one sample: out = sum over l of z[l] W[l] (+ bias), with the sums that batch norm's gradient needs.
 * 1 z, 2 short length, 3 W, 4 bias or 0, 5 out, 6 floats a sample, 7 channels, 8 activation or 0,
 * 9 sums [sample][2][channels] of out and of out * activation.
 */
export function denseOuter(c: usize, job: i32, _scratch: usize): void {
  const length = arg(c, 2), bytes = <usize>arg(c, 6) << 2, stride = <usize>arg(c, 7) << 2;
  const z = <usize>arg(c, 1) + (<usize>(job * length) << 2), sample = <usize>job * bytes, bias = <usize>arg(c, 4);
  const sums = <usize>arg(c, 9) + <usize>job * (stride << 1), summing = arg(c, 8) != 0;
  if (summing) memory.fill(sums, 0, stride << 1);
  let channel: usize = 0;
  for (let o: usize = 0; o < bytes; o += 16) {
    let s = bias ? v128.load(bias + o) : f32x4.splat(0), w = <usize>arg(c, 3) + o;
    for (let l = 0; l < length; l++) {
      s = fma(v128.load32_splat(z + (<usize>l << 2)), v128.load(w), s);
      w += bytes;
    }
    v128.store(<usize>arg(c, 5) + sample + o, s);
    if (summing) {
      const to = sums + channel;
      addTo(to, s);
      v128.store(to + stride, fma(s, v128.load(<usize>arg(c, 8) + sample + o), v128.load(to + stride)));
      channel += 16;
      if (channel == stride) channel = 0;
    }
  }
}

/**
 * Weight gradient for one pixel's channels: dW[l] = sum over samples of z[l] (x * scale + shift), db = sum of x.
 * 1 z, 2 samples, 3 short length, 4 x, 5 floats a sample, 6 channels, 7 scale, 8 shift, 9 dW, 10 db or 0.
 */
export function denseWeight(c: usize, job: i32, _scratch: usize): void {
  const samples = arg(c, 2), length = arg(c, 3), step = <usize>arg(c, 5) << 2, stride = <usize>arg(c, 6) << 2;
  const pixel = <usize>job * stride;
  for (let o: usize = 0; o < stride; o += 32) {
    const s0 = v128.load(<usize>arg(c, 7) + o), s1 = v128.load(<usize>arg(c, 7) + o, 16);
    const t0 = v128.load(<usize>arg(c, 8) + o), t1 = v128.load(<usize>arg(c, 8) + o, 16);
    const x = <usize>arg(c, 4) + pixel + o;
    for (let l = 0; l < length; l += 2) {
      const two = l + 1 < length;
      let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
      let z = <usize>arg(c, 1) + (<usize>l << 2), p = x;
      for (let n = 0; n < samples; n++) {
        const x0 = fma(v128.load(p), s0, t0), x1 = fma(v128.load(p, 16), s1, t1), z0 = v128.load32_splat(z);
        a0 = fma(z0, x0, a0), a1 = fma(z0, x1, a1);
        if (two) {
          const z1 = v128.load32_splat(z, 4);
          b0 = fma(z1, x0, b0), b1 = fma(z1, x1, b1);
        }
        p += step, z += <usize>length << 2;
      }
      const to = <usize>arg(c, 9) + <usize>l * step + pixel + o;
      v128.store(to, a0), v128.store(to, a1, 16);
      if (two) v128.store(to + step, b0), v128.store(to + step, b1, 16);
    }
    if (arg(c, 10)) {
      let a0 = f32x4.splat(0), a1 = a0, p = x;
      for (let n = 0; n < samples; n++) {
        a0 = f32x4.add(a0, v128.load(p)), a1 = f32x4.add(a1, v128.load(p, 16));
        p += step;
      }
      const to = <usize>arg(c, 10) + pixel + o;
      v128.store(to, a0), v128.store(to, a1, 16);
    }
  }
}
