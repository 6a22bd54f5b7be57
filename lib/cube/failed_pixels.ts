/**
 * Pixels of which more than half of the spectrum had to be replaced, as indices in ascending order. `repaired_HW` counts
 * the replaced steps of each pixel: the sum over all steps of `repairMap`'s masks.
 */
export function failedPixels(repaired_HW: ArrayLike<number>, points: number): number[] {
  const failed: number[] = [];
  for (let i = 0; i < repaired_HW.length; i++) if (2 * repaired_HW[i] > points) failed.push(i);
  return failed;
}
