// Batch norm: from partial sums to scale and shift, and on the way back to the three coefficients of its gradient.
// Partial sums are added in a fixed order in float64; eight channels a job.
import { arg } from "./vector";

const EPS: f64 = 1e-5;
const MOMENTUM: f32 = 0.1;

// @ts-ignore: decorator
@inline
function sumOver(parts: usize, count: i32, strideBytes: usize): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < count; i++) sum += <f64>load<f32>(parts), parts += strideBytes;
  return sum;
}

/**
 * Training forward.
 * 1 sums [part][2][channels], 2 parts, 3 channels, 4 values a channel, 5 gamma, 6 beta,
 * 7 result [4][channels]: scale, shift, mean, 1 / std; 8 running mean and 9 running variance, or 0.
 */
export function normMoments(c: usize, job: i32, _scratch: usize): void {
  const channels = arg(c, 3), count = <f64>arg(c, 4), end = min(channels, (job + 1) << 3), row = <usize>channels << 2;
  for (let k = job << 3; k < end; k++) {
    const o = <usize>k << 2, sums = <usize>arg(c, 1) + o;
    const mean = sumOver(sums, arg(c, 2), row << 1) / count;
    const variance = max<f64>(sumOver(sums + row, arg(c, 2), row << 1) / count - mean * mean, 0);
    const inverse = 1 / sqrt<f64>(variance + EPS), scale = <f64>load<f32>(arg(c, 5) + o) * inverse;
    const to = <usize>arg(c, 7) + o;
    store<f32>(to, <f32>scale);
    store<f32>(to + row, <f32>(<f64>load<f32>(arg(c, 6) + o) - mean * scale));
    store<f32>(to + 2 * row, <f32>mean);
    store<f32>(to + 3 * row, <f32>inverse);
    if (arg(c, 8)) {
      const unbiased = variance * count / max<f64>(count - 1, 1);
      const m = <usize>arg(c, 8) + o, v = <usize>arg(c, 9) + o;
      store<f32>(m, load<f32>(m) * (1 - MOMENTUM) + MOMENTUM * <f32>mean);
      store<f32>(v, load<f32>(v) * (1 - MOMENTUM) + MOMENTUM * <f32>unbiased);
    }
  }
}

/** Evaluation: 1 running mean, 2 running variance, 3 gamma, 4 beta, 5 scale, 6 shift, 7 channels. */
export function normRunning(c: usize, job: i32, _scratch: usize): void {
  for (let o = <usize>job << 5; o < <usize>min(arg(c, 7), (job + 1) << 3) << 2; o += 4) {
    const scale = <f64>load<f32>(arg(c, 3) + o) / sqrt<f64>(<f64>load<f32>(arg(c, 2) + o) + EPS);
    store<f32>(arg(c, 5) + o, <f32>scale);
    store<f32>(arg(c, 6) + o, <f32>(<f64>load<f32>(arg(c, 4) + o) - <f64>load<f32>(arg(c, 1) + o) * scale));
  }
}

/**
 * Training backward: gradients of gamma and beta, and dx = alpha dy + beta x + gamma by channel.
 * 1 sums [part][2][channels] of dy and of dy * x, 2 parts, 3 channels, 4 values a channel, 5 gamma, 6 the four rows of
 * normMoments, 7 gradient of gamma, 8 gradient of beta, 9 result [3][channels].
 */
export function normGradient(c: usize, job: i32, _scratch: usize): void {
  const channels = arg(c, 3), end = min(channels, (job + 1) << 3), row = <usize>channels << 2;
  for (let k = job << 3; k < end; k++) {
    const o = <usize>k << 2, sums = <usize>arg(c, 1) + o;
    const sum = sumOver(sums, arg(c, 2), row << 1), products = sumOver(sums + row, arg(c, 2), row << 1);
    store<f32>(arg(c, 8) + o, <f32>sum);
    store<f32>(arg(c, 7) + o, normCoefficients(c, sum, products, o, row, 1));
  }
}

/** Writes the three coefficients for a gradient dy = weight * given; returns the gradient of gamma. */
// @ts-ignore: decorator
@inline
function normCoefficients(c: usize, sum: f64, products: f64, o: usize, row: usize, weight: f64): f32 {
  const count = <f64>arg(c, 4), moments = <usize>arg(c, 6) + o, to = <usize>arg(c, 9) + o;
  const mean = <f64>load<f32>(moments + 2 * row), inverse = <f64>load<f32>(moments + 3 * row);
  const projection = (products - mean * sum) * inverse;
  const alpha = <f64>load<f32>(arg(c, 5) + o) * inverse, tilt = alpha * inverse * projection / count;
  store<f32>(to, <f32>(alpha * weight));
  store<f32>(to + row, <f32>-tilt);
  store<f32>(to + 2 * row, <f32>(tilt * mean - alpha * sum / count));
  return <f32>projection;
}

/**
 * Loss and the gradients of the last pointwise convolution (out = w y + b) and of the one-channel batch norm before it.
 * As normGradient (sums are lossGradient's), then 10 w, 11 gradient of w, 12 gradient of b, 13 losses, of which this
 * step's is written.
 */
export function lossSums(c: usize, step: i32): void {
  let loss: f64 = 0, sum: f64 = 0, products: f64 = 0;
  for (let i = 0; i < arg(c, 2); i++) {
    const part = <usize>arg(c, 1) + <usize>i * 24;
    loss += load<f64>(part), sum += load<f64>(part, 8), products += load<f64>(part, 16);
  }
  const moments = <usize>arg(c, 6), w = <f64>load<f32>(arg(c, 10));
  store<f32>(arg(c, 11), <f32>(<f64>load<f32>(moments) * products + <f64>load<f32>(moments, 4) * sum));
  store<f32>(arg(c, 12), <f32>sum);
  store<f32>(arg(c, 8), <f32>(w * sum));
  store<f32>(arg(c, 7), normCoefficients(c, w * sum, w * products, 0, 4, w));
  store<f64>(arg(c, 13) + (step << 3), loss / <f64>arg(c, 4));
}
