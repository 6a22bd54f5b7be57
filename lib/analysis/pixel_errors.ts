import { polygonArea } from "./polygon.ts";

/** Which of the N targets, each of `size` values, the errors are taken of. */
interface Pairs {
  prediction: ArrayLike<number>;
  target: ArrayLike<number>;
  size: number;
}

/** Mean squared error of each of the N pairs, in the target's squared unit; NaN where either has a NaN. */
export function mseOfEach({ prediction, target, size }: Pairs): Float64Array {
  return eachPair(target.length, size, (from) => {
    let sum = 0;
    for (let i = from; i < from + size; i++) sum += (prediction[i] - target[i]) ** 2;
    return sum / size;
  });
}

/**
 * Normalised error of each pair as the paper has it: sqrt(mean((p - t)^2) / mean((p + t)^2)). 0 where both are zero
 * everywhere, infinite sums give NaN.
 */
export function nrmseOfEach({ prediction, target, size }: Pairs): Float64Array {
  return eachPair(target.length, size, (from) => {
    let difference = 0, sum = 0;
    for (let i = from; i < from + size; i++) {
      difference += (prediction[i] - target[i]) ** 2;
      sum += (prediction[i] + target[i]) ** 2;
    }
    return difference === 0 ? 0 : Math.sqrt(difference / sum);
  });
}

/** |area(prediction) - area(target)| of each pair of loops over `axis`, in axis unit times value unit. */
export function areaErrorOfEach(pairs: Omit<Pairs, "size">, axis: ArrayLike<number>): Float64Array {
  const { prediction, target } = pairs;
  return eachPair(
    target.length,
    axis.length,
    (from) => Math.abs(polygonArea(axis, prediction, from) - polygonArea(axis, target, from)),
  );
}

function eachPair(length: number, size: number, measure: (from: number) => number): Float64Array {
  if (size < 1 || length % size !== 0) throw new RangeError(`${length} values are no whole number of ${size}`);
  return Float64Array.from({ length: length / size }, (_, n) => measure(n * size));
}
