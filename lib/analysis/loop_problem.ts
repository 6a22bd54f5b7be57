import { choleskyInPlace, invertLower } from "./cholesky.ts";
import type { LeastSquaresProblem } from "./levenberg_marquardt.ts";
import { BRANCH_PARAMETERS, evaluateLoop, LOOP_FIT_NAMES, type SweepOrder } from "./loop_model.ts";

const P = LOOP_FIT_NAMES.length;

/** The residuals of one loop as a bounded least-squares problem; the loop is written into `data_N`. */
export class LoopProblem implements LeastSquaresProblem {
  readonly size = P;
  readonly lower = new Float64Array(P);
  readonly upper = new Float64Array(P);
  readonly data_N: Float64Array;
  private readonly value_N: Float64Array;
  private readonly slopes_N4: Float64Array;
  private readonly weight_N: Float64Array;
  private readonly low_V: number;
  private readonly high_V: number;

  constructor(private readonly sweep: SweepOrder) {
    const n = sweep.voltage_V.length;
    [this.data_N, this.value_N, this.weight_N] = [
      new Float64Array(n),
      new Float64Array(n),
      new Float64Array(n).fill(1),
    ];
    this.slopes_N4 = new Float64Array(4 * n);
    this.low_V = Math.min(...sweep.voltage_V);
    this.high_V = Math.max(...sweep.voltage_V);
  }

  /** Bounds from the spans of the response and of the voltage; false where the response is constant. */
  setBounds(): boolean {
    let low = Infinity, high = -Infinity;
    for (const value of this.data_N) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const span = high - low, range = this.high_V - this.low_V;
    const set = (at: number, from: number, to: number) => {
      this.lower[at] = from;
      this.upper[at] = to;
    };
    set(0, low - span, high + span);
    set(1, -3 * span, 3 * span);
    set(2, this.low_V, this.high_V);
    set(3, this.low_V, this.high_V);
    set(4, -4.5 * span / range, 4.5 * span / range);
    for (let at = 5; at < P; at++) set(at, range / 200, 1.2 * range);
    return span > 1e-12 * Math.max(Math.abs(low), Math.abs(high));
  }

  evaluate(parameters: Float64Array, gradient: Float64Array, normal_PP: Float64Array): number {
    const { sweep, data_N, value_N, slopes_N4, weight_N } = this;
    evaluateLoop(parameters, sweep, value_N, slopes_N4);
    gradient.fill(0);
    normal_PP.fill(0);
    const { voltage_V, fallingCount } = sweep;
    const n = data_N.length;
    return this.addBranch(0, fallingCount, BRANCH_PARAMETERS.falling, gradient, normal_PP, voltage_V, weight_N) +
      this.addBranch(fallingCount, n, BRANCH_PARAMETERS.rising, gradient, normal_PP, voltage_V, weight_N);
  }

  /** Sums over one branch in registers: of the nine derivatives only six are not zero there. */
  private addBranch(
    from: number,
    to: number,
    [atC, atP, atQ]: readonly [number, number, number],
    gradient: Float64Array,
    normal_PP: Float64Array,
    voltage_V: Float64Array,
    weight_N: Float64Array,
  ): number {
    const { data_N, value_N, slopes_N4 } = this;
    let cost = 0;
    let g0 = 0, g1 = 0, g4 = 0, gc = 0, gp = 0, gq = 0;
    let n00 = 0, n10 = 0, n11 = 0, n40 = 0, n41 = 0, n44 = 0, nc0 = 0, nc1 = 0, nc4 = 0, ncc = 0;
    let np0 = 0, np1 = 0, np4 = 0, npc = 0, npp = 0, nq0 = 0, nq1 = 0, nq4 = 0, nqc = 0, nqp = 0, nqq = 0;
    for (let i = from, s = 4 * from; i < to; i++, s += 4) {
      const w = weight_N[i], r = value_N[i] - data_N[i], v = voltage_V[i];
      const y = slopes_N4[s], c = slopes_N4[s + 1], p = slopes_N4[s + 2], q = slopes_N4[s + 3];
      const wr = w * r, wy = w * y, wv = w * v, wc = w * c, wp = w * p, wq = w * q;
      cost += wr * r;
      g0 += wr, g1 += wr * y, g4 += wr * v, gc += wr * c, gp += wr * p, gq += wr * q;
      n00 += w, n10 += wy, n11 += wy * y, n40 += wv, n41 += wv * y, n44 += wv * v;
      nc0 += wc, nc1 += wc * y, nc4 += wc * v, ncc += wc * c;
      np0 += wp, np1 += wp * y, np4 += wp * v, npc += wp * c, npp += wp * p;
      nq0 += wq, nq1 += wq * y, nq4 += wq * v, nqc += wq * c, nqp += wq * p, nqq += wq * q;
    }
    gradient[0] += g0, gradient[1] += g1, gradient[4] += g4;
    gradient[atC] += gc, gradient[atP] += gp, gradient[atQ] += gq;
    normal_PP[0] += n00, normal_PP[9] += n10, normal_PP[10] += n11;
    normal_PP[36] += n40, normal_PP[37] += n41, normal_PP[40] += n44;
    normal_PP[9 * atC] += nc0, normal_PP[9 * atC + 1] += nc1, normal_PP[9 * atC + atC] += ncc;
    normal_PP[9 * 4 + atC] += nc4; // a4 stands between c and the widths
    normal_PP[9 * atP] += np0, normal_PP[9 * atP + 1] += np1, normal_PP[9 * atP + 4] += np4;
    normal_PP[9 * atP + atC] += npc, normal_PP[9 * atP + atP] += npp;
    normal_PP[9 * atQ] += nq0, normal_PP[9 * atQ + 1] += nq1, normal_PP[9 * atQ + 4] += nq4;
    normal_PP[9 * atQ + atC] += nqc, normal_PP[9 * atQ + atP] += nqp, normal_PP[9 * atQ + atQ] += nqq;
    return cost / 2;
  }

  /** Huber weights for the residuals at these parameters. */
  reweight(parameters: Float64Array): void {
    evaluateLoop(parameters, this.sweep, this.value_N, this.slopes_N4);
    const sizes = this.data_N.map((value, i) => Math.abs(value - this.value_N[i]));
    const limit = 1.345 * 1.4826 * sizes.slice().sort()[sizes.length >> 1];
    for (let i = 0; i < sizes.length; i++) this.weight_N[i] = sizes[i] <= limit ? 1 : limit / sizes[i];
  }

  clearWeights(): void {
    this.weight_N.fill(1);
  }

  /** Unweighted sum of squares, and standard errors over the parameters that are not at a bound. */
  uncertainty(parameters: Float64Array): { sse: number; standardErrors: Float64Array } {
    const normal = new Float64Array(P * P);
    const weighted = 2 * this.evaluate(parameters, new Float64Array(P), normal);
    const sse = this.data_N.reduce((sum, value, i) => sum + (value - this.value_N[i]) ** 2, 0);
    const free = Array.from({ length: P }, (_, k) => k).filter((k) =>
      parameters[k] > this.lower[k] && parameters[k] < this.upper[k] && normal[k * P + k] > 0
    );
    const standardErrors = new Float64Array(P).fill(NaN);
    // Scaled to a unit diagonal: the entries' units differ by many orders.
    const scale = free.map((k) => Math.sqrt(normal[k * P + k]));
    const factor = Float64Array.from({ length: free.length ** 2 }, (_, at) => {
      const i = Math.floor(at / free.length), j = at % free.length;
      return normal[Math.max(free[i], free[j]) * P + Math.min(free[i], free[j])] / (scale[i] * scale[j]);
    });
    const variance = weighted / Math.max(1, this.data_N.length - free.length);
    if (!choleskyInPlace(factor, free.length)) return { sse, standardErrors };
    const inverse = invertLower(factor, free.length);
    free.forEach((k, j) => {
      let sum = 0;
      for (let i = j; i < free.length; i++) sum += inverse[i * free.length + j] ** 2;
      standardErrors[k] = Math.sqrt(variance * sum) / scale[j];
    });
    return { sse, standardErrors };
  }
}
