/** A closed triangular voltage sequence; `start` is where in the cycle it begins, 0 at 0 V rising, 0.25 at the top. */
export function sweep(
  { max_V, stepsPerCycle, cycles, start }: { max_V: number; stepsPerCycle: number; cycles: number; start: number },
): Float64Array {
  const triangle = (phase: number) => phase < 0.25 ? 4 * phase : phase < 0.75 ? 2 - 4 * phase : 4 * phase - 4;
  return Float64Array.from({ length: stepsPerCycle * cycles }, (_, i) => {
    const phase = (Math.round(start * stepsPerCycle) + i) % stepsPerCycle / stepsPerCycle;
    return max_V * triangle(phase);
  });
}
