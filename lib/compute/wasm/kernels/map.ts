// A whole map at once: the first convolution and the dense layer of im2spec's encoder, on pictures in which neighbouring
// patches share what does not depend on where they are cut (map_tables.ts). The convolutions between them are
// winograd.ts with tables of their own.
import { arg, floatArg, fma, leaky, sumLanes } from "./vector";

/** Which taps of a 3 x 3 filter a line's kind lacks: 0 none, 1 the first (a cut above), 2 the last (a cut below). */
// @ts-ignore: decorator
@inline
function lacks(kind: i32, tap: i32): bool {
  return (kind == 1 && tap == 0) || (kind == 2 && tap == 2);
}

/**
 * One channel -> many for one line of the picture, in evaluation mode.
 * 1 map, 2 its rows, 3 its columns, 4 weight [9][channels], 5 channels, 6 picture, 7 its columns, 8 its lines and
 * 9 its columns as pairs (line of the map, kind), 10 bias, 11 slope, 12 scale, 13 shift.
 */
export function mapExpand(c: usize, job: i32, scratch: usize): void {
  const rows = arg(c, 2), cols = arg(c, 3), stride = <usize>arg(c, 5) << 2, wide = arg(c, 7);
  const line = <usize>arg(c, 8) + (<usize>job << 3), columns = <usize>arg(c, 9);
  for (let x = 0; x < wide; x++) {
    const column = columns + (<usize>x << 3);
    for (let tap = 0; tap < 9; tap++) {
      const row = load<i32>(line) + tap / 3 - 1, col = load<i32>(column) + tap % 3 - 1;
      const outside = row < 0 || col < 0 || row >= rows || col >= cols;
      const cut = lacks(load<i32>(line, 4), tap / 3) || lacks(load<i32>(column, 4), tap % 3);
      const value: f32 = outside || cut ? 0 : load<f32>(arg(c, 1) + ((row * cols + col) << 2));
      store<f32>(scratch + <usize>(x * 36 + tap * 4), value);
    }
  }
  const slope = f32x4.splat(floatArg(c, 11)), picture = <usize>arg(c, 6) + <usize>(job * wide) * stride;
  for (let o: usize = 0; o < stride; o += 16) {
    const w = <usize>arg(c, 4) + o, bias = v128.load(<usize>arg(c, 10) + o);
    const w0 = v128.load(w), w1 = v128.load(w + stride), w2 = v128.load(w + 2 * stride);
    const w3 = v128.load(w + 3 * stride), w4 = v128.load(w + 4 * stride), w5 = v128.load(w + 5 * stride);
    const w6 = v128.load(w + 6 * stride), w7 = v128.load(w + 7 * stride), w8 = v128.load(w + 8 * stride);
    let p = scratch, to = picture + o;
    for (let x = 0; x < wide; x++) {
      let z = fma(v128.load32_splat(p), w0, bias), y = f32x4.mul(v128.load32_splat(p, 4), w1);
      z = fma(v128.load32_splat(p, 8), w2, z), y = fma(v128.load32_splat(p, 12), w3, y);
      z = fma(v128.load32_splat(p, 16), w4, z), y = fma(v128.load32_splat(p, 20), w5, y);
      z = fma(v128.load32_splat(p, 24), w6, z), y = fma(v128.load32_splat(p, 28), w7, y);
      z = leaky(f32x4.add(fma(v128.load32_splat(p, 32), w8, z), y), slope);
      v128.store(to, fma(z, v128.load(<usize>arg(c, 12) + o), v128.load(<usize>arg(c, 13) + o)));
      p += 36, to += stride;
    }
  }
}

/**
 * The encoder's dense layer over a map, for eight positions: out[l] = sum over the window's pixels of x . W[l] + bias[l],
 * where the pixel of row r and column c lies at rows[position row][r] + cols[position column][c].
 * 1 x, 2 position rows, 3 position columns, 4 window, 5 rows, 6 cols (byte offsets), 7 channels, 8 W, 9 short length,
 * 10 bias, 11 out [position][length].
 */
export function mapDot(c: usize, job: i32, _scratch: usize): void {
  const wide = arg(c, 3), window = arg(c, 4), stride = <usize>arg(c, 7) << 2, length = arg(c, 9);
  const plane = <usize>(window * window) * stride, end = min((job + 1) << 3, arg(c, 2) * wide);
  for (let at = job << 3; at < end; at++) {
    const rows = <usize>arg(c, 5) + (<usize>(at / wide * window) << 2);
    const cols = <usize>arg(c, 6) + (<usize>(at % wide * window) << 2);
    for (let l = 0; l < length; l += 2) {
      // The last of an odd number is computed twice.
      const second: usize = l + 1 < length ? plane : 0;
      let w = <usize>arg(c, 8) + <usize>l * plane;
      let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
      for (let r = 0; r < window; r++) {
        const row = <usize>arg(c, 1) + <usize>load<i32>(rows + (<usize>r << 2));
        for (let k = 0; k < window; k++) {
          let p = row + <usize>load<i32>(cols + (<usize>k << 2));
          for (const next = w + stride; w != next; w += 32, p += 32) {
            const x0 = v128.load(p), x1 = v128.load(p, 16), v = w + second;
            a0 = fma(x0, v128.load(w), a0), a1 = fma(x1, v128.load(w, 16), a1);
            b0 = fma(x0, v128.load(v), b0), b1 = fma(x1, v128.load(v, 16), b1);
          }
        }
      }
      const to = <usize>arg(c, 11) + (<usize>(at * length + l) << 2), bias = <usize>arg(c, 10) + (<usize>l << 2);
      store<f32>(to, sumLanes(f32x4.add(a0, a1)) + load<f32>(bias));
      if (second) store<f32>(to, sumLanes(f32x4.add(b0, b1)) + load<f32>(bias, 4), 4);
    }
  }
}
