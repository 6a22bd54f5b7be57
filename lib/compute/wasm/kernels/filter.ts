// Filters of winograd.ts: taps to points before a convolution, and the weight gradient's points back to taps.
import { addTo, arg } from "./vector";
import { A, B, globalPoint, MIXED, plus, pointCount, scaled } from "./transform";
import { PAD } from "./winograd";

/**
 * Weight gradient at the points, summed over slabs, -> taps, for one input channel.
 * 1 slabs, 2 gradient [tap][channels in][channels out], 3 channels in, 4 channels out, 5 rows of taps (1 or 3),
 * 6 points in one dimension, then for each slab: address, my, mx.
 */
export function weightTaps(c: usize, job: i32, scratch: usize): void {
  const cout = <usize>arg(c, 4) << 2, plane = <usize>arg(c, 3) * cout, twoD = arg(c, 5) == 3;
  const across = <usize>arg(c, 6), points = twoD ? across * across : across;
  const to = <usize>arg(c, 2) + <usize>job * cout, taps = scratch + points * cout;
  memory.fill(scratch, 0, points * cout);
  for (let k = 0; k < arg(c, 1); k++) {
    const slab = c + <usize>(7 + 3 * k) * 4;
    addSlab(arg(slab, 0) + <usize>job * cout, arg(slab, 1), arg(slab, 2), plane + PAD, scratch, cout, <i32>across);
  }
  for (let o: usize = 0; o < cout; o += 16) {
    if (twoD) {
      for (let y: usize = 0; y < across; y++) {
        pointsToTaps(scratch + across * y * cout + o, cout, taps + y * 48, 16, across);
      }
      for (let x: usize = 0; x < 3; x++) pointsToTaps(taps + x * 16, 48, to + o + x * plane, 3 * plane, across);
    } else pointsToTaps(scratch + o, cout, to + o, plane, across);
  }
}

/** sums [all points][channels out] += one slab's points of one input channel. */
function addSlab(from: usize, my: i32, mx: i32, step: usize, sums: usize, cout: usize, across: i32): void {
  for (let qy = 0; qy < pointCount(my); qy++) {
    for (let qx = 0; qx < pointCount(mx); qx++) {
      const to = sums + <usize>(globalPoint(my, qy, across) * across + globalPoint(mx, qx, across)) * cout;
      for (let o: usize = 0; o < cout; o += 32) {
        addTo(to + o, v128.load(from + o)), addTo(to + o + 16, v128.load(from + o, 16));
      }
      from += step;
    }
  }
}

/** The filter transform's transpose. */
function pointsToTaps(from: usize, step: usize, to: usize, toStep: usize, across: usize): void {
  if (across == 3) {
    const u0 = v128.load(from), u1 = v128.load(from + step), u2 = v128.load(from + 2 * step);
    v128.store(to, u2), v128.store(to + toStep, f32x4.sub(f32x4.sub(u0, u1), u2)), v128.store(to + 2 * toStep, u1);
    return;
  }
  const u0 = v128.load(from), u1 = v128.load(from + step), u2 = v128.load(from + 2 * step);
  const u3 = v128.load(from + 3 * step), u4 = v128.load(from + 4 * step), u5 = v128.load(from + 5 * step);
  if (across == MIXED) return mixedToTaps(u0, u1, u2, u3, u4, u5, from + 6 * step, step, to, toStep);
  const s1 = f32x4.add(u1, u2), s2 = f32x4.add(u3, u4);
  v128.store(to, f32x4.add(u0, f32x4.add(s1, s2)));
  v128.store(to + toStep, plus(f32x4.sub(u3, u4), B, scaled(f32x4.sub(u1, u2), A)));
  v128.store(to + 2 * toStep, plus(s2, B * B, plus(s1, A * A, u5)));
}

function mixedToTaps(
  u0: v128, u1: v128, u2: v128, u3: v128, p0: v128, u5: v128, pair: usize, step: usize, to: usize, toStep: usize,
): void {
  const p1 = v128.load(pair), p2 = v128.load(pair + step), s1 = f32x4.add(u1, u2);
  v128.store(to, f32x4.add(f32x4.add(u0, p2), f32x4.add(s1, u3)));
  v128.store(to + toStep, f32x4.add(plus(u3, B, scaled(f32x4.sub(u1, u2), A)), f32x4.sub(f32x4.sub(p0, p1), p2)));
  v128.store(to + 2 * toStep, f32x4.add(plus(u3, B * B, plus(s1, A * A, u5)), p1));
}

/**
 * Filter taps -> points packed for multiplyRows, for eight input channels of the weight (so that no two jobs write to
 * one cache line).
 * 1 weight [tap][channels in][channels out], 2 points [point][channels out / 8][channels in][8], 3 channels in,
 * 4 channels out, 5 rows of taps, 6 1: the filter of the input gradient, turned by 180 degrees, with the roles of the
 * channels exchanged: [point][channels in / 8][channels out][8]; 7 points in one dimension.
 */
export function filterPoints(c: usize, job: i32, scratch: usize): void {
  const cin = <usize>arg(c, 3), cout = <usize>arg(c, 4), flip = arg(c, 6) != 0, twoD = arg(c, 5) == 3;
  const across = <usize>arg(c, 7), points = twoD ? across * across : across;
  const plane = cin * cout << 2, first = <usize>job << 3;
  for (let o: usize = 0; o < cout; o += 4) {
    for (let i = first; i < first + 8; i++) {
      const from = <usize>arg(c, 1) + ((i * cout + o) << 2);
      if (twoD) {
        for (let x: usize = 0; x < 3; x++) {
          tapsToPoints(from + (flip ? 2 - x : x) * plane, 3 * plane, scratch + (x << 4), 48, flip, across);
        }
        for (let y: usize = 0; y < across; y++) {
          tapsToPoints(scratch + y * 48, 16, scratch + 768 + (y * across << 4), 16, false, across);
        }
      } else tapsToPoints(from, plane, scratch + 768, 16, flip, across);
      const to = flip ? (first * cout + (o << 3) + (i & 7)) : ((o >> 3) * cin + i << 3) + (o & 7);
      placePoints(scratch + 768, points, <usize>arg(c, 2) + (to << 2), plane + PAD, flip);
    }
  }
}

/** Four output channels of each point, side by side, or (turned) eight floats apart. */
function placePoints(from: usize, points: usize, to: usize, step: usize, turned: bool): void {
  for (let q: usize = 0; q < points; q++) {
    const u = v128.load(from + (q << 4));
    if (turned) {
      v128.store32_lane(to, u, 0), v128.store32_lane(to, u, 1, 32);
      v128.store32_lane(to, u, 2, 64), v128.store32_lane(to, u, 3, 96);
    } else v128.store(to, u);
    to += step;
  }
}

function tapsToPoints(from: usize, step: usize, to: usize, toStep: usize, flip: bool, across: usize): void {
  const first = v128.load(from), g1 = v128.load(from + step), last = v128.load(from + 2 * step);
  const g0 = flip ? last : first, g2 = flip ? first : last;
  if (across == 3) {
    v128.store(to, g1), v128.store(to + toStep, f32x4.sub(g2, g1)), v128.store(to + 2 * toStep, f32x4.sub(g0, g1));
    return;
  }
  const e1 = plus(g2, A * A, g0), o1 = scaled(g1, A), e2 = plus(g2, B * B, g0), o2 = scaled(g1, B);
  v128.store(to, g0);
  v128.store(to + toStep, f32x4.add(e1, o1));
  v128.store(to + 2 * toStep, f32x4.sub(e1, o1));
  v128.store(to + 3 * toStep, f32x4.add(e2, o2));
  v128.store(to + 4 * toStep, across == MIXED ? g1 : f32x4.sub(e2, o2));
  v128.store(to + 5 * toStep, g2);
  if (across == MIXED) {
    v128.store(to + 6 * toStep, f32x4.sub(g2, g1)), v128.store(to + 7 * toStep, f32x4.sub(g0, g1));
  }
}
