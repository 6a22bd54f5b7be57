import { erf, ERF_SLOPE } from "./erf.ts";
import { ERF_SERIES, NODES_PER_UNIT, SERIES_LENGTH } from "./erf_series.ts";

/**
 * The nine-parameter hysteresis loop (Jesse et al., Appl. Phys. Lett. 88, 062908, 2006, as BGlib has it). On the
 * falling branch (c, p, q) = (a2, b0, b1), on the rising branch (a3, b2, b3):
 *
 *     g(V) = (q - p)/2 * (erf(1000 (V - c)) + 1) + p
 *     y(V) = (g erf((V - c)/g) + p) / (p + q)
 *     f(V) = a0 + a1 y(V) + a4 V
 *
 * a0 is the lower level and a1 the step (response), c the bias of switching and p, q the widths of the transition below
 * and above it (volts), a4 the slope (response per volt). Order: a0 a1 a2 a3 a4 b0 b1 b2 b3.
 */
export const LOOP_FIT_NAMES = ["a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3"] as const;

/** Voltages of the falling branch, from the top down, followed by those of the rising branch. */
export interface SweepOrder {
  voltage_V: Float64Array;
  fallingCount: number;
}

/** Where c, p and q of a branch stand among the nine. */
export const BRANCH_PARAMETERS = { falling: [2, 5, 6], rising: [3, 7, 8] } as const;

/** Sharpness of the change from p to q, per volt, and beyond how many of its widths it is over to the last digit. */
const SHARPNESS = 1000, OVER = 6;

/**
 * The model at every voltage into `value_N`, and its derivatives into `slopes_N4`: four a point, with respect to a1 and
 * to the branch's own c, p, q (those for a0 and a4 are 1 and V). Allocates nothing: it is the inner loop of the fit.
 */
export function evaluateLoop(
  parameters: ArrayLike<number>,
  { voltage_V, fallingCount }: SweepOrder,
  value_N: Float64Array,
  slopes_N4: Float64Array,
): void {
  const a0 = parameters[0], a1 = parameters[1], a4 = parameters[4];
  for (let i = 0; i < voltage_V.length; i++) {
    const falling = i < fallingCount;
    const c = falling ? parameters[2] : parameters[3];
    const p = falling ? parameters[5] : parameters[7], q = falling ? parameters[6] : parameters[8];
    const d = voltage_V[i] - c, sharp = SHARPNESS * d, sum = p + q;
    let above = d > 0 ? 1 : 0, aboveSlope = 0;
    if (sharp > -OVER && sharp < OVER) {
      above = (erf(sharp) + 1) / 2;
      aboveSlope = SHARPNESS / 2 * ERF_SLOPE * Math.exp(-sharp * sharp);
    }
    const g = (q - p) * above + p, u = d / g;
    let e = u < 0 ? -1 : 1, slope = 0;
    if (u > -OVER && u < OVER) {
      const a = u < 0 ? -u : u, node = Math.round(a * NODES_PER_UNIT), t = a - node / NODES_PER_UNIT;
      const k = node * SERIES_LENGTH;
      const s1 = ERF_SERIES[k + 1], s2 = ERF_SERIES[k + 2], s3 = ERF_SERIES[k + 3], s4 = ERF_SERIES[k + 4];
      const s5 = ERF_SERIES[k + 5], s6 = ERF_SERIES[k + 6], s7 = ERF_SERIES[k + 7], s8 = ERF_SERIES[k + 8];
      const s9 = ERF_SERIES[k + 9], s10 = ERF_SERIES[k + 10];
      slope = s1 + t * (s2 + t * (s3 + t * (s4 + t * (s5 + t * (s6 + t * (s7 + t * (s8 + t * (s9 + t * s10))))))));
      e *= ERF_SERIES[k] +
        t * (s1 + t * (s2 * 0.5 + t * (s3 * (1 / 3) + t * (s4 * 0.25 + t * (s5 * 0.2 + t * (s6 * (1 / 6) + t *
                                  (s7 * (1 / 7) + t * (s8 * 0.125 + t * (s9 * (1 / 9) + t * s10 * 0.1)))))))));
    }
    const byG = e - u * slope; // derivative of g erf(d / g) with respect to g
    const y = (g * e + p) / sum;
    value_N[i] = a0 + a1 * y + a4 * voltage_V[i];
    slopes_N4[4 * i] = y;
    slopes_N4[4 * i + 1] = -a1 * (slope + byG * (q - p) * aboveSlope) / sum;
    slopes_N4[4 * i + 2] = a1 * (byG * (1 - above) + 1 - y) / sum;
    slopes_N4[4 * i + 3] = a1 * (byG * above - y) / sum;
  }
}

/** The N x 9 Jacobian of the model, as a whole. */
export function loopJacobian(parameters: ArrayLike<number>, sweep: SweepOrder): Float64Array {
  const count = sweep.voltage_V.length;
  const slopes_N4 = new Float64Array(4 * count), jacobian_NP = new Float64Array(9 * count);
  evaluateLoop(parameters, sweep, new Float64Array(count), slopes_N4);
  for (let i = 0; i < count; i++) {
    const own = i < sweep.fallingCount ? BRANCH_PARAMETERS.falling : BRANCH_PARAMETERS.rising;
    jacobian_NP[9 * i] = 1;
    jacobian_NP[9 * i + 1] = slopes_N4[4 * i];
    jacobian_NP[9 * i + 4] = sweep.voltage_V[i];
    own.forEach((column, k) => jacobian_NP[9 * i + column] = slopes_N4[4 * i + 1 + k]);
  }
  return jacobian_NP;
}

/** y of one branch at one voltage: 0 far below to 1 far above the switching bias, where the widths allow. */
export function transition(v: number, c: number, p: number, q: number): number {
  const g = (q - p) / 2 * (erf(SHARPNESS * (v - c)) + 1) + p;
  return (g * erf((v - c) / g) + p) / (p + q);
}
