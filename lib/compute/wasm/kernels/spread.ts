// The output transforms' transposes: a tile's gradients to points, for weight gradients (see transform.ts).
import { A, AA, B, BB, PAIR, plus, scaled } from "./transform";

/** The output transform's transpose, for weight gradients: 4 gradients -> 6 points. */
export function spread4(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const v0 = v128.load(p); p += fromStep;
    const v1 = v128.load(p); p += fromStep;
    const v2 = v128.load(p); p += fromStep;
    const v3 = v128.load(p);
    const e1 = plus(v2, AA, v0), o1 = plus(v3, AA * A, scaled(v1, A));
    const e2 = plus(v2, BB, v0), o2 = plus(v3, BB * B, scaled(v1, B));
    let q = to + o;
    v128.store(q, v0); q += step;
    v128.store(q, f32x4.add(e1, o1)); q += step;
    v128.store(q, f32x4.sub(e1, o1)); q += step;
    v128.store(q, f32x4.add(e2, o2)); q += step;
    v128.store(q, f32x4.sub(e2, o2)); q += step;
    v128.store(q, v3);
  }
}

/** The output transform's transpose, for weight gradients: 3 gradients -> 5 points. */
export function spread3(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const v0 = v128.load(p); p += fromStep;
    const v1 = v128.load(p); p += fromStep;
    const v2 = v128.load(p);
    const even = plus(v2, AA, v0), odd = scaled(v1, A);
    let q = to + o;
    v128.store(q, v0); q += step;
    v128.store(q, f32x4.add(even, odd)); q += step;
    v128.store(q, f32x4.sub(even, odd)); q += step;
    v128.store(q, plus(v2, BB, plus(v1, B, v0))); q += step;
    v128.store(q, v2);
  }
}

/** The output transform's transpose, for weight gradients: 2 gradients -> 4 points. */
export function spread2(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    let p = from + o;
    const v0 = v128.load(p); p += fromStep;
    const v1 = v128.load(p);
    const odd = scaled(v1, A);
    let q = to + o;
    v128.store(q, v0); q += step;
    v128.store(q, f32x4.add(v0, odd)); q += step;
    v128.store(q, f32x4.sub(v0, odd)); q += step;
    v128.store(q, v1);
  }
}

/** The output transform's transpose, for weight gradients: 1 gradient -> 3 points. */
export function spread1(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const p = from + o;
    const v0 = v128.load(p);
    let q = to + o;
    v128.store(q, v0); q += step;
    v128.store(q, v0); q += step;
    v128.store(q, v0);
  }
}

export function spreadPair(from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  for (let o: usize = 0; o < bytes; o += 16) {
    const y0 = v128.load(from + o), y1 = v128.load(from + o + fromStep);
    v128.store(to + o, f32x4.add(y0, y1)), v128.store(to + o + step, y0), v128.store(to + o + 2 * step, y1);
  }
}

export function spread(m: i32, from: usize, fromStep: usize, to: usize, step: usize, bytes: usize): void {
  if (m == 4) spread4(from, fromStep, to, step, bytes);
  else if (m == 3) spread3(from, fromStep, to, step, bytes);
  else if (m == 2) spread2(from, fromStep, to, step, bytes);
  else if (m == PAIR) spreadPair(from, fromStep, to, step, bytes);
  else spread1(from, fromStep, to, step, bytes);
}
