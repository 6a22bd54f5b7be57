import { BRANCH_PARAMETERS, type SweepOrder, transition } from "./loop_model.ts";

/** Switching biases across the range and widths (in parts of the range) that are tried on either branch. */
const BIASES = 18, WIDTHS = [0.01, 0.07, 0.3];

/**
 * Starting points for the nine-parameter fit. For given switching biases and widths the model is linear in a0, a1, a4,
 * and all inner products that do not hold the data are the same for every loop of a cube: so every pair of a falling
 * and a rising shape is tried exactly, at a few operations a pair.
 */
export class LoopStarts {
  private readonly falling: Shapes;
  private readonly rising: Shapes;
  private readonly line: LineSpace;

  constructor(private readonly sweep: SweepOrder) {
    const { voltage_V, fallingCount } = sweep;
    const low = Math.min(...voltage_V), range = Math.max(...voltage_V) - low;
    const shapes = WIDTHS.flatMap((p) =>
      WIDTHS.flatMap((q) =>
        Array.from({ length: BIASES }, (_, k) => [low + range * (k + 0.5) / BIASES, p * range, q * range] as const)
      )
    );
    this.line = new LineSpace(voltage_V);
    this.falling = new Shapes(shapes, voltage_V.subarray(0, fallingCount));
    this.rising = new Shapes(shapes, voltage_V.subarray(fallingCount));
  }

  /** The `count` best starts for a loop in sweep order, best first; neighbours of a better start are passed over. */
  find(loop_N: Float64Array, count: number): Float64Array[] {
    const { falling, rising, line } = this;
    const rest_N = line.withoutLine(loop_N);
    const a = falling.overlaps(rest_N.subarray(0, this.sweep.fallingCount));
    const b = rising.overlaps(rest_N.subarray(this.sweep.fallingCount));
    const size = falling.shapes.length;
    // The best partner of each falling shape, then the best of those: a pair's neighbours share its falling shape.
    const gains = new Float64Array(size), partners = new Int32Array(size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const norm = line.rest(
          falling.squares[i] + rising.squares[j],
          falling.sums[i] + rising.sums[j],
          falling.products[i] + rising.products[j],
        );
        const overlap = a[i] + b[j];
        const gain = norm > 1e-9 ? overlap * overlap / norm : 0;
        if (gain > gains[i]) {
          gains[i] = gain;
          partners[i] = j;
        }
      }
    }
    const order = Array.from(gains, (_, i) => i).sort((i, j) => gains[j] - gains[i]);
    const chosen: number[] = [];
    for (const i of order) {
      if (chosen.length === count) break;
      if (!chosen.some((other) => this.areNeighbours(i, partners[i], other, partners[other]))) chosen.push(i);
    }
    return chosen.map((i) => this.parametersOf(loop_N, i, partners[i]));
  }

  private areNeighbours(i: number, j: number, k: number, l: number): boolean {
    const near = (a: number, b: number) =>
      Math.floor(a / BIASES) === Math.floor(b / BIASES) && Math.abs(a % BIASES - b % BIASES) <= 1;
    return near(i, k) && near(j, l);
  }

  private parametersOf(loop_N: Float64Array, i: number, j: number): Float64Array {
    const y_N = Float64Array.of(...this.falling.row(i), ...this.rising.row(j));
    const [a0, a1, a4] = this.line.solve(loop_N, y_N);
    const start = new Float64Array(9);
    start.set([a0, a1, 0, 0, a4]);
    BRANCH_PARAMETERS.falling.forEach((at, k) => start[at] = this.falling.shapes[i][k]);
    BRANCH_PARAMETERS.rising.forEach((at, k) => start[at] = this.rising.shapes[j][k]);
    return start;
  }
}

type Shape = readonly [c: number, p: number, q: number];

/** All shapes on one branch with their sums over it. */
class Shapes {
  readonly sums: Float64Array;
  readonly squares: Float64Array;
  readonly products: Float64Array;
  private readonly values: Float64Array;

  constructor(readonly shapes: readonly Shape[], private readonly voltage: Float64Array) {
    this.values = Float64Array.from(shapes.flatMap((shape) => Array.from(voltage, (v) => transition(v, ...shape))));
    const over = (term: (y: number, v: number) => number) =>
      Float64Array.from(shapes, (_, i) => this.row(i).reduce((sum, y, k) => sum + term(y, voltage[k]), 0));
    this.sums = over((y) => y);
    this.squares = over((y) => y * y);
    this.products = over((y, v) => y * v);
  }

  row(i: number): Float64Array {
    return this.values.subarray(i * this.voltage.length, (i + 1) * this.voltage.length);
  }

  overlaps(data: Float64Array): Float64Array {
    const { values } = this, count = data.length;
    const overlaps = new Float64Array(this.shapes.length);
    for (let i = 0, at = 0; i < overlaps.length; i++) {
      let sum = 0;
      for (let k = 0; k < count; k++) sum += values[at++] * data[k];
      overlaps[i] = sum;
    }
    return overlaps;
  }
}

/** Least squares with a constant and the voltage. */
class LineSpace {
  private readonly mean: number;
  private readonly spread: number;

  constructor(private readonly voltage: Float64Array) {
    this.mean = voltage.reduce((a, b) => a + b) / voltage.length;
    this.spread = voltage.reduce((sum, v) => sum + (v - this.mean) ** 2, 0);
  }

  /** What is left of the data after the best straight line. */
  withoutLine(data: Float64Array): Float64Array {
    const { voltage, mean } = this;
    const [level, slope] = this.lineOf(data);
    return data.map((value, i) => value - level - slope * (voltage[i] - mean));
  }

  /** Squared norm of what is left of a vector with these sums (of squares, values and products with the voltage). */
  rest(squares: number, sum: number, product: number): number {
    const centred = product - this.mean * sum;
    return squares - sum * sum / this.voltage.length - centred * centred / this.spread;
  }

  /** The best a0 + a1 y + a4 V. */
  solve(data: Float64Array, y: Float64Array): [a0: number, a1: number, a4: number] {
    const dataRest = this.withoutLine(data), yRest = this.withoutLine(y);
    const norm = yRest.reduce((sum, value) => sum + value * value, 0);
    const a1 = norm > 0 ? dataRest.reduce((sum, value, i) => sum + value * yRest[i], 0) / norm : 0;
    const [level, slope] = this.lineOf(data.map((value, i) => value - a1 * y[i]));
    return [level - slope * this.mean, a1, slope];
  }

  private lineOf(data: Float64Array): [level: number, slope: number] {
    let sum = 0, product = 0;
    for (let i = 0; i < data.length; i++) {
      sum += data[i];
      product += data[i] * (this.voltage[i] - this.mean);
    }
    return [sum / data.length, product / this.spread];
  }
}
