/** Spectra that need not fit in memory: `blocks` can be gone through several times and yields the same each time. */
export interface SpectraSource {
  /** Number of values of one spectrum. */
  points: number;
  /** Any number of whole spectra at a time, row-major. A spectrum with a NaN is left out of statistics. */
  blocks(): Iterable<ArrayLike<number>>;
}

/** All spectra in one array as a source. */
export function sourceOf(spectra_NS: ArrayLike<number>, points: number): SpectraSource {
  return { points, blocks: () => [spectra_NS] };
}
