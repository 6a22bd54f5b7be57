import type { SpectraSource } from "./spectra_source.ts";

/** Mean and covariance (divided by count - 1) of the spectra without NaN. */
export interface Moments {
  /** Spectra that entered. */
  count: number;
  mean_S: Float64Array;
  variance_S: Float64Array;
  /** Absent when only `variance_S` was asked for. */
  covariance_SS?: Float64Array;
}

/** One pass over the source; `want: "variance"` needs no points x points memory. */
export function momentsOf(source: SpectraSource, want: "covariance" | "variance"): Moments {
  const { points } = source;
  const sums = new Sums(points, want === "covariance");
  for (const block of source.blocks()) {
    for (let at = 0; at < block.length; at += points) sums.add(block, at);
  }
  return sums.finish();
}

/** Sums of deviations from the first spectrum, which keeps the digits that a large common background would cost. */
class Sums {
  private count = 0;
  private readonly origin: Float64Array;
  private readonly sum: Float64Array;
  private readonly products: Float64Array;
  private readonly delta: Float64Array;
  /** Four spectra are gathered and added at once: the products array is then read a quarter as often. */
  private readonly waiting: Float64Array[] = [];

  constructor(private readonly points: number, private readonly full: boolean) {
    this.origin = new Float64Array(points);
    this.sum = new Float64Array(points);
    this.products = new Float64Array(full ? points * points : points);
    this.delta = new Float64Array(4 * points);
  }

  add(block: ArrayLike<number>, at: number): void {
    const { points, origin, sum } = this;
    for (let s = 0; s < points; s++) if (!Number.isFinite(block[at + s])) return;
    if (this.count === 0) { for (let s = 0; s < points; s++) origin[s] = block[at + s]; }
    const k = this.waiting.length;
    const delta = this.delta.subarray(k * points, (k + 1) * points);
    for (let s = 0; s < points; s++) {
      delta[s] = block[at + s] - origin[s];
      sum[s] += delta[s];
    }
    this.count++;
    this.waiting.push(delta);
    if (k === 3) this.flush();
  }

  private flush(): void {
    const { points, products } = this;
    const zero = this.waiting.length < 4 ? new Float64Array(points) : this.delta;
    const [a, b = zero, c = zero, d = zero] = this.waiting;
    this.waiting.length = 0;
    for (let i = 0; i < points; i++) {
      const p = a[i], q = b[i], r = c[i], s = d[i];
      if (!this.full) products[i] += p * p + q * q + r * r + s * s;
      else for (let j = 0, at = i * points; j <= i; j++) products[at++] += p * a[j] + q * b[j] + r * c[j] + s * d[j];
    }
  }

  finish(): Moments {
    if (this.waiting.length) this.flush();
    const { points, count, sum, products } = this;
    const degrees = Math.max(1, count - 1);
    const entry = (i: number, j: number, total: number) => (total - sum[i] * sum[j] / count) / degrees;
    const mean_S = this.origin.map((value, s) => value + sum[s] / count);
    if (!this.full) return { count, mean_S, variance_S: products.map((total, s) => entry(s, s, total)) };
    for (let i = 0; i < points; i++) {
      for (let j = 0; j <= i; j++) {
        products[i * points + j] = products[j * points + i] = entry(i, j, products[i * points + j]);
      }
    }
    const variance_S = Float64Array.from({ length: points }, (_, s) => products[s * points + s]);
    return { count, mean_S, variance_S, covariance_SS: products };
  }
}
