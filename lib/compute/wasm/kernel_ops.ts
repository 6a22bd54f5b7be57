/** Operations of kernels/program.ts; their arguments stand at the kernels. */
export const OP = {
  convolve: 0,
  weightGradient: 1,
  weightTaps: 2,
  peak: 3,
  filterPoints: 4,
  expand: 5,
  correlateImage: 6,
  contract: 7,
  sumParts: 8,
  denseDot: 9,
  denseOuter: 10,
  denseWeight: 11,
  normMoments: 12,
  normRunning: 13,
  normGradient: 14,
  lossSums: 15,
  gatherRow: 16,
  pyramidTotal: 17,
  sumCells: 18,
  mapDot: 19,
  lossGradient: 20,
  scalarBack: 21,
  adam: 22,
  mapExpand: 23,
  linearDot: 24,
  linearOuter: 25,
  linearWeight: 26,
  mapLinear: 27,
} as const;

/** How a convolution's output is finished. */
export const MODE = { train: 0, gradient: 1, evaluate: 2 } as const;

export interface Command {
  readonly op: keyof typeof OP;
  /** Independent pieces of work. */
  readonly jobs: number;
  /** int32 words; a number in `float(x)` is its float32 bits. */
  readonly args: readonly number[];
}

/** The bits of a float32 as an int32 argument. */
export function float(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0];
}
