import { thin } from "./thin.ts";
import type { PairSet } from "./training_data.ts";

/** The pairs at these positions of the list, in that order. */
export function takePairs(pairs: PairSet, positions: Int32Array): PairSet {
  const count = pairs.pixels.length;
  const take = (values: Float32Array) => {
    const size = values.length / count;
    const taken = new Float32Array(positions.length * size);
    positions.forEach((at, n) => taken.set(values.subarray(at * size, (at + 1) * size), n * size));
    return taken;
  };
  return {
    pixels: positions.map((at) => pairs.pixels[at]),
    input_NI: take(pairs.input_NI),
    target_NO: take(pairs.target_NO),
  };
}

/** At most `most` pairs, evenly spaced. */
export function thinPairs(pairs: PairSet, most: number): PairSet {
  if (pairs.pixels.length <= most) return pairs;
  return takePairs(pairs, thin(Int32Array.from(pairs.pixels.keys()), most));
}

/** The same pairs with at most `most` output values each, evenly spaced. */
export function thinOutputs(pairs: PairSet, most: number): PairSet {
  const count = pairs.pixels.length;
  const size = pairs.target_NO.length / count;
  if (size <= most) return pairs;
  const kept = thin(Int32Array.from({ length: size }, (_, o) => o), most);
  const target_NO = Float32Array.from(
    { length: count * most },
    (_, k) => pairs.target_NO[Math.floor(k / most) * size + kept[k % most]],
  );
  return { ...pairs, target_NO };
}
