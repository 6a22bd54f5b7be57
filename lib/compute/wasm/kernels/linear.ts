// The linear path beside the convolutions: products between a plain row (an input or an output, any length) and the
// latent variables. The weight lies as [latent][length].
import { arg, fma, sumLanes } from "./vector";

/** Four lanes from `from` where they are whole, `left` of them otherwise (the rest 0). */
// @ts-ignore: decorator
@inline
function loadSome(from: usize, left: i32): v128 {
  if (left >= 4) return v128.load(from);
  let v = f32x4.replace_lane(f32x4.splat(0), 0, load<f32>(from));
  if (left > 1) v = f32x4.replace_lane(v, 1, load<f32>(from, 4));
  if (left > 2) v = f32x4.replace_lane(v, 2, load<f32>(from, 8));
  return v;
}

// @ts-ignore: decorator
@inline
function storeSome(to: usize, v: v128, left: i32): void {
  if (left >= 4) {
    v128.store(to, v);
    return;
  }
  store<f32>(to, f32x4.extract_lane(v, 0));
  if (left > 1) store<f32>(to, f32x4.extract_lane(v, 1), 4);
  if (left > 2) store<f32>(to, f32x4.extract_lane(v, 2), 8);
}

/**
 * Row -> latent for one sample: out[l] = x . W[l] (+ bias[l]) (+ out[l]).
 * 1 x, 2 length, 3 W, 4 latents, 5 bias or 0, 6 out, 7 whether to add.
 */
export function linearDot(c: usize, job: i32): void {
  const length = arg(c, 2), latents = arg(c, 4);
  const x = <usize>arg(c, 1) + (<usize>(job * length) << 2), out = <usize>arg(c, 6) + (<usize>(job * latents) << 2);
  let w = <usize>arg(c, 3);
  for (let l: usize = 0; l < <usize>latents; l++) {
    let sum = f32x4.splat(0);
    for (let i = 0; i < length; i += 4) {
      const o = <usize>i << 2, left = length - i;
      sum = fma(loadSome(x + o, left), loadSome(w + o, left), sum);
    }
    const bias: f32 = arg(c, 5) ? load<f32>(<usize>arg(c, 5) + (l << 2)) : 0;
    const held: f32 = arg(c, 7) ? load<f32>(out + (l << 2)) : 0;
    store<f32>(out + (l << 2), sumLanes(sum) + bias + held);
    w += <usize>length << 2;
  }
}

/**
 * Latent -> row for one sample: out = sum over l of z[l] W[l] + bias (+ out).
 * 1 z, 2 latents, 3 W, 4 length, 5 bias, 6 out, 7 whether to add.
 */
export function linearOuter(c: usize, job: i32): void {
  const latents = arg(c, 2), length = arg(c, 4);
  const z = <usize>arg(c, 1) + (<usize>(job * latents) << 2), out = <usize>arg(c, 6) + (<usize>(job * length) << 2);
  for (let i = 0; i < length; i += 4) {
    const o = <usize>i << 2, left = length - i;
    let sum = loadSome(<usize>arg(c, 5) + o, left), w = <usize>arg(c, 3) + o;
    for (let l = 0; l < latents; l++) {
      sum = fma(v128.load32_splat(z + (<usize>l << 2)), loadSome(w, left), sum);
      w += <usize>length << 2;
    }
    if (arg(c, 7)) sum = f32x4.add(sum, loadSome(out + o, left));
    storeSome(out + o, sum, left);
  }
}

/**
 * Gradient of the weight for 64 elements of the row: dW[l] = sum over samples of z[l] x, db = sum of x.
 * 1 z, 2 samples, 3 latents, 4 x, 5 length, 6 dW, 7 db or 0.
 */
export function linearWeight(c: usize, job: i32): void {
  const samples = arg(c, 2), latents = arg(c, 3), length = arg(c, 5), stride = <usize>length << 2;
  for (let i = job << 6; i < min((job + 1) << 6, length); i += 4) {
    const o = <usize>i << 2, left = length - i;
    for (let l = 0; l < latents; l++) {
      let sum = f32x4.splat(0), x = <usize>arg(c, 4) + o, z = <usize>arg(c, 1) + (<usize>l << 2);
      for (let n = 0; n < samples; n++) {
        sum = fma(v128.load32_splat(z), loadSome(x, left), sum);
        x += stride, z += <usize>latents << 2;
      }
      storeSome(<usize>arg(c, 6) + <usize>l * stride + o, sum, left);
    }
    if (arg(c, 7)) {
      let sum = f32x4.splat(0), x = <usize>arg(c, 4) + o;
      for (let n = 0; n < samples; n++) sum = f32x4.add(sum, loadSome(x, left)), x += stride;
      storeSome(<usize>arg(c, 7) + o, sum, left);
    }
  }
}

/**
 * `linearDot` over a map, for eight positions, added to what is there: the row of a position is its window's pixels.
 * 1 image, 2 its columns, 3 positions, 4 position columns, 5 window (even), 6 W, 7 latents, 8 bias, 9 out.
 */
export function mapLinear(c: usize, job: i32): void {
  const cols = arg(c, 2), across = arg(c, 4), window = arg(c, 5), latents = arg(c, 7);
  const end = min((job + 1) << 3, arg(c, 3)), line = <usize>cols << 2, width = <usize>window << 2;
  for (let at = job << 3; at < end; at++) {
    const corner = <usize>arg(c, 1) + <usize>(at / across) * line + (<usize>(at % across) << 2);
    let w = <usize>arg(c, 6);
    for (let l = 0; l < latents; l++) {
      let sum = f32x4.splat(0);
      for (let r = 0; r < window; r++) {
        const p = corner + <usize>r * line;
        for (let k = 0; k < window; k += 4) {
          const o = <usize>k << 2, left = window - k;
          sum = fma(loadSome(p + o, left), loadSome(w + o, left), sum);
        }
        w += width;
      }
      const to = <usize>arg(c, 9) + (<usize>(at * latents + l) << 2);
      store<f32>(to, load<f32>(to) + sumLanes(sum) + load<f32>(<usize>arg(c, 8) + (<usize>l << 2)));
    }
  }
}
