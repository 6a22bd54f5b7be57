import type { NetworkState } from "../../lib/compute/engine.ts";
import { assert } from "../support/assert.ts";

const [BETA1, BETA2, EPS] = [0.9, 0.999, 1e-8];

/** A parameter's value and its moments before a step. */
interface Before {
  value: number;
  m: number;
  v: number;
}

/** Adam's step `t` (from 1) for one parameter, in float64, as PyTorch writes it. */
function adam({ value, m, v }: Before, gradient: number, t: number, learningRate: number): number {
  const m1 = BETA1 * m + (1 - BETA1) * gradient;
  const v1 = BETA2 * v + (1 - BETA2) * gradient ** 2;
  return value - learningRate / (1 - BETA1 ** t) * m1 / (Math.sqrt(v1 / (1 - BETA2 ** t)) + EPS);
}

/** Largest magnitude of a tensor. */
export function largestOf(values: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}

/**
 * The scale that a gradient's rounding is measured against: the largest entry of its tensor, and for a bias also of its
 * layer's weight. A bias before leaky ReLU and batch norm has a gradient that mostly cancels (a shift of every value
 * would cancel wholly), so float32's error in it is that of the terms, not that of the sum.
 */
export function gradientScale(gradients: NetworkState, name: string): number {
  const own = largestOf(gradients.get(name)!.data);
  const weight = gradients.get(name.replace(/bias$/, "weight"));
  return Math.max(own, weight ? largestOf(weight.data) : 0);
}

/**
 * Asserts that `after` is Adam's step `t` from `before` along `gradients`, where gradients are known within `relative` of
 * `gradientScale`: Adam divides by the gradient's size, so where that is near zero any step up to the learning rate is
 * right, and everywhere else only the one.
 */
export function assertAdamStep(
  after: NetworkState,
  before: { network: NetworkState; adamM?: NetworkState; adamV?: NetworkState; step: number },
  gradients: NetworkState,
  options: { learningRate: number; relative: number },
): void {
  const { learningRate, relative } = options;
  for (const [name, { data: gradient }] of gradients) {
    const uncertain = relative * gradientScale(gradients, name);
    const [from, to] = [before.network.get(name)!.data, after.get(name)!.data];
    const rounding = relative * largestOf(to);
    for (let i = 0; i < gradient.length; i++) {
      const start = {
        value: from[i],
        m: before.adamM?.get(name)?.data[i] ?? 0,
        v: before.adamV?.get(name)?.data[i] ?? 0,
      };
      const ends = [-uncertain, 0, uncertain].map((error) =>
        adam(start, gradient[i] + error, before.step + 1, learningRate)
      );
      const [low, high] = [Math.min(...ends) - rounding, Math.max(...ends) + rounding];
      assert.ok(to[i] >= low && to[i] <= high, `${name}[${i}]: met ${to[i]}; expected ${low} to ${high}`);
    }
  }
}
