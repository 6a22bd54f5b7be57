import { unprocessable } from "../base/errors.ts";

/** One sweep down and one up, as indices into the voltage sequence; together they close a loop. */
export interface LoopCycle {
  /** From the upper turning point (included) down to just before the lower one. */
  falling: Int32Array;
  /** From the lower turning point (included) up to just before the upper one. */
  rising: Int32Array;
}

/** Reversals smaller than this part of the voltage range are jitter, not turning points. */
const JITTER = 0.02;
/** A jump of more than this part of the range means that a branch was not measured. */
const LARGEST_GAP = 0.45;

/**
 * Splits any voltage sequence into closed cycles of a falling and a rising branch: any start, any number of cycles,
 * repeated voltages (they stay on the branch they are met on) and uneven steps. The part before the first turning
 * point continues the part after the last one, since the sequence is closed. Throws `no_loop` where the voltage does
 * not return (a spectrum, not a loop) or is not finite.
 */
export function loopBranches(voltage: ArrayLike<number>): LoopCycle[] {
  const turns = turningPoints(voltage);
  if (turns.length < 2) {
    throw unprocessable(
      "no_loop",
      `Loop analysis needs an axis that goes up and comes back; received ${describeAxis(voltage)}`,
    );
  }
  const n = voltage.length;
  const branch = (k: number) => indicesBetween(turns[k].index, turns[(k + 1) % turns.length].index, n);
  const cycles: LoopCycle[] = [];
  const first = turns[0].upper ? 0 : 1;
  for (let k = first; k < turns.length + first; k += 2) {
    cycles.push({ falling: branch(k % turns.length), rising: branch((k + 1) % turns.length) });
  }
  return cycles;
}

/** True where the axis comes back on itself, so that loop parameters have a meaning. */
export function isLoopAxis(voltage: ArrayLike<number>): boolean {
  return turningPoints(voltage).length >= 2;
}

interface Turn {
  index: number;
  upper: boolean;
}

/** Alternating upper and lower turning points of the closed sequence, in order of their index. */
function turningPoints(voltage: ArrayLike<number>): Turn[] {
  const n = voltage.length;
  const [low, high] = rangeOf(voltage);
  if (!(high > low) || n < 4) return [];
  const limit = JITTER * (high - low);
  const start = indexOf(voltage, high);
  const turns: Turn[] = [];
  // Around the closed sequence from a highest point, remembering the extreme since the last confirmed turn.
  let upper = true, extreme = start;
  for (let step = 1; step <= n; step++) {
    const at = (start + step) % n;
    const beyond = upper ? voltage[at] - voltage[extreme] : voltage[extreme] - voltage[at];
    if (beyond > 0) extreme = at;
    else if (-beyond > limit) {
      turns.push({ index: extreme, upper });
      upper = !upper;
      extreme = at;
    }
  }
  return returns(voltage, turns, (high - low) * LARGEST_GAP) ? turns.sort((a, b) => a.index - b.index) : [];
}

/** A sweep one way jumps back when it is closed: the jump is no branch. Branches have two points and no large gap. */
function returns(voltage: ArrayLike<number>, turns: Turn[], largestGap: number): boolean {
  const n = voltage.length;
  for (let i = 0; i < n; i++) if (Math.abs(voltage[(i + 1) % n] - voltage[i]) > largestGap) return false;
  return turns.every(({ index }, k) => (turns[(k + 1) % turns.length].index - index + n) % n >= 2);
}

function indicesBetween(from: number, to: number, n: number): Int32Array {
  const count = (to - from + n) % n || n;
  return Int32Array.from({ length: count }, (_, i) => (from + i) % n);
}

function rangeOf(values: ArrayLike<number>): [number, number] {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) return [0, 0];
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  return [low, high];
}

function indexOf(values: ArrayLike<number>, wanted: number): number {
  let i = 0;
  while (values[i] !== wanted) i++;
  return i;
}

/** What the axis is, for an error message. */
function describeAxis(voltage: ArrayLike<number>): string {
  const n = voltage.length;
  const [low, high] = rangeOf(voltage);
  if (!(high > low)) return `${n} points without a finite range`;
  return `a single sweep of ${n} points between ${low} and ${high}`;
}
