// Small vector helpers shared by all kernels. Addresses are byte offsets into the one shared memory.

/** a * b + c on four floats: one fused instruction with relaxed SIMD, two with plain SIMD. */
// @ts-ignore: decorator
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** max(z, slope z); a NaN stays a NaN. */
// @ts-ignore: decorator
@inline
export function leaky(z: v128, slope: v128): v128 {
  return f32x4.pmax(z, f32x4.mul(z, slope));
}

/** Leaky ReLU's derivative at an activation a = leaky(z): 1 where a > 0, else the slope. */
// @ts-ignore: decorator
@inline
export function leakySlope(a: v128, slope: v128): v128 {
  return v128.bitselect(f32x4.splat(1), slope, f32x4.gt(a, f32x4.splat(0)));
}

/** The value before the leaky ReLU, from the one after it. */
// @ts-ignore: decorator
@inline
export function unleaky(a: v128, inverseSlope: v128): v128 {
  return f32x4.mul(a, v128.bitselect(f32x4.splat(1), inverseSlope, f32x4.gt(a, f32x4.splat(0))));
}

/** Sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sumLanes(v: v128): f32 {
  const pair = f32x4.add(v, i32x4.shuffle(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pair, 0) + f32x4.extract_lane(pair, 1);
}

/** memory[to] += v */
// @ts-ignore: decorator
@inline
export function addTo(to: usize, v: v128): void {
  v128.store(to, f32x4.add(v128.load(to), v));
}

/** Argument k of a command (int32 words; word 0 is the operation). */
// @ts-ignore: decorator
@inline
export function arg(command: usize, k: usize): i32 {
  return load<i32>(command + (k << 2));
}

// @ts-ignore: decorator
@inline
export function floatArg(command: usize, k: usize): f32 {
  return load<f32>(command + (k << 2));
}
