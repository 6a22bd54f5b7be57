import { choleskyInPlace, choleskySolve } from "./cholesky.ts";

/** In the order in which `fitShos` stores them. `amplitude` in the response's unit, `resonance` in the frequency's. */
export const SHO_QUANTITIES = ["amplitude", "resonance", "qualityFactor", "phase", "r2"] as const;

/** Complex responses of N pixels at the same frequencies, N x S each. */
export interface ComplexSpectra {
  real_NS: ArrayLike<number>;
  imaginary_NS: ArrayLike<number>;
}

const REFINEMENTS = 2, STEPS = 6;

/**
 * Simple-harmonic-oscillator fits of complex response against frequency f, N x 5 in the order of SHO_QUANTITIES:
 *
 *     R(f) = A e^(i phase) f0^2 / (f^2 - i f f0 / Q - f0^2)
 *
 * (band-excitation convention). Written as R = C / (a - f^2 + i b f) with a = f0^2, b = f0 / Q, multiplying by the
 * denominator makes it linear in a, b and C: that is the start, refined by reweighting; then Gauss-Newton steps on the
 * true residuals. NaN for a pixel with a NaN or no resonance (a or b not positive).
 */
export function fitShos(
  { real_NS, imaginary_NS }: ComplexSpectra,
  frequency_S: ArrayLike<number>,
): Float64Array {
  const fitter = new ShoFitter(frequency_S);
  const points = frequency_S.length, count = real_NS.length / points, width = SHO_QUANTITIES.length;
  const fits_NP = new Float64Array(count * width).fill(NaN);
  for (let n = 0; n < count; n++) {
    fitter.fit(real_NS, imaginary_NS, n * points, fits_NP.subarray(n * width, (n + 1) * width));
  }
  return fits_NP;
}

/** Frequencies are divided by their mean and responses by their norm, so that one tolerance serves all units. */
class ShoFitter {
  private readonly f: Float64Array;
  private readonly re: Float64Array;
  private readonly im: Float64Array;
  private readonly scale_f: number;
  private readonly normal = new Float64Array(16);
  private readonly right = new Float64Array(4);
  /** a, b and the real and imaginary part of C. */
  private readonly at = new Float64Array(4);
  private readonly trial = new Float64Array(4);

  constructor(frequency_S: ArrayLike<number>) {
    const points = frequency_S.length;
    this.scale_f = Array.from(frequency_S).reduce((sum, f) => sum + f, 0) / points || 1;
    this.f = Float64Array.from(frequency_S, (f) => f / this.scale_f);
    this.re = new Float64Array(points);
    this.im = new Float64Array(points);
  }

  fit(real: ArrayLike<number>, imaginary: ArrayLike<number>, offset: number, into: Float64Array): void {
    const { f, re, im, at, trial } = this;
    let norm = 0;
    for (let s = 0; s < f.length; s++) norm += real[offset + s] ** 2 + imaginary[offset + s] ** 2;
    norm = Math.sqrt(norm / f.length);
    if (!(norm > 0) || norm === Infinity) return;
    for (let s = 0; s < f.length; s++) {
      re[s] = real[offset + s] / norm;
      im[s] = imaginary[offset + s] / norm;
    }
    at.fill(0);
    for (let turn = 0; turn <= REFINEMENTS; turn++) if (!this.solveLinear(turn > 0)) return;
    let cost = this.prepareStep();
    for (let step = 0; step < STEPS; step++) {
      if (!this.solve()) break;
      let length = 1, next = Infinity;
      for (; length > 0.1; length /= 2) {
        for (let k = 0; k < 4; k++) trial[k] = at[k] - length * this.right[k];
        if ((next = this.costOf(trial)) < cost) break;
      }
      if (!(next < cost)) break;
      at.set(trial);
      const settled = cost - next < 1e-10 * cost;
      cost = this.prepareStep();
      if (settled) break;
    }
    this.write(into, norm, cost);
  }

  private write(into: Float64Array, norm: number, cost: number): void {
    const [a, b, cRe, cIm] = this.at;
    if (!(a > 0 && b > 0)) return;
    const f0 = Math.sqrt(a);
    into[0] = norm * Math.hypot(cRe, cIm) / a;
    into[1] = f0 * this.scale_f;
    into[2] = f0 / b;
    into[3] = Math.atan2(-cIm, -cRe);
    into[4] = 1 - cost / this.variation();
  }

  /** Sum of squared deviations of the response from its mean. */
  private variation(): number {
    const { re, im } = this, n = re.length;
    let sumRe = 0, sumIm = 0, squares = 0;
    for (let s = 0; s < n; s++) {
      sumRe += re[s];
      sumIm += im[s];
      squares += re[s] * re[s] + im[s] * im[s];
    }
    return squares - (sumRe * sumRe + sumIm * sumIm) / n;
  }

  /** Least squares of a R + i b f R - C = f^2 R; weighted by the last denominator it is near the true problem. */
  private solveLinear(weighted: boolean): boolean {
    const { f, re, im, at } = this;
    const [a, b] = at;
    let aa = 0, bb = 0, ar = 0, ai = 0, br = 0, bi = 0, cc = 0, ya = 0, yr = 0, yi = 0;
    for (let s = 0; s < f.length; s++) {
      const x = f[s], xx = x * x, r = re[s], i = im[s];
      const w = weighted ? 1 / ((a - xx) ** 2 + (b * x) ** 2 + 1e-12) : 1;
      const size = w * (r * r + i * i);
      aa += size, bb += xx * size;
      ar -= w * r, ai -= w * i, br += w * x * i, bi -= w * x * r, cc += w;
      ya += xx * size, yr -= w * xx * r, yi -= w * xx * i;
    }
    this.fill(aa, bb, ar, ai, br, bi, cc);
    this.right.set([ya, 0, yr, yi]);
    if (!this.solve()) return false;
    at.set(this.right);
    return true;
  }

  /** Lower triangle of the 4 x 4 matrix in the order a, b, Re C, Im C; a and b, and the parts of C, do not mix. */
  private fill(aa: number, bb: number, ar: number, ai: number, br: number, bi: number, cc: number): void {
    const m = this.normal;
    m[0] = aa, m[4] = 0, m[5] = bb;
    m[8] = ar, m[9] = br, m[10] = cc;
    m[12] = ai, m[13] = bi, m[14] = 0, m[15] = cc;
  }

  /** `right` becomes the solution; false where the matrix is singular. */
  private solve(): boolean {
    if (!choleskyInPlace(this.normal, 4)) return false;
    choleskySolve(this.normal, this.right, 4);
    return true;
  }

  private costOf([a, b, cRe, cIm]: Float64Array): number {
    const { f, re, im } = this;
    let cost = 0;
    for (let s = 0; s < f.length; s++) {
      const x = f[s], dRe = a - x * x, dIm = b * x, size = 1 / (dRe * dRe + dIm * dIm);
      const r = (cRe * dRe + cIm * dIm) * size - re[s], i = (cIm * dRe - cRe * dIm) * size - im[s];
      cost += r * r + i * i;
    }
    return cost;
  }

  /** Gauss-Newton matrix and gradient at `at`; returns the cost there. With u = 1/den: dR/dC = u, dR/da = -C u^2. */
  private prepareStep(): number {
    const { f, re, im, at } = this;
    const [a, b, cRe, cIm] = at;
    let cost = 0, aa = 0, bb = 0, ar = 0, ai = 0, br = 0, bi = 0, cc = 0, ga = 0, gb = 0, gr = 0, gi = 0;
    for (let s = 0; s < f.length; s++) {
      const x = f[s], dRe = a - x * x, dIm = b * x, size = 1 / (dRe * dRe + dIm * dIm);
      const uRe = dRe * size, uIm = -dIm * size;
      const yRe = cRe * uRe - cIm * uIm, yIm = cRe * uIm + cIm * uRe;
      const r = yRe - re[s], i = yIm - im[s];
      const jRe = -(yRe * uRe - yIm * uIm), jIm = -(yRe * uIm + yIm * uRe); // dR/da; dR/db = i x dR/da
      cost += r * r + i * i;
      const j2 = jRe * jRe + jIm * jIm;
      aa += j2, bb += x * x * j2, cc += size;
      const straight = jRe * uRe + jIm * uIm, crossed = jRe * uIm - jIm * uRe; // conj(j) u
      ar += straight, ai -= crossed, br += x * crossed, bi += x * straight;
      ga += jRe * r + jIm * i, gb += x * (jRe * i - jIm * r);
      gr += uRe * r + uIm * i, gi += uRe * i - uIm * r;
    }
    this.fill(aa, bb, ar, ai, br, bi, cc);
    this.right.set([ga, gb, gr, gi]);
    return cost;
  }
}
