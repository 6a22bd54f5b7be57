/** The pixels of a map that have a whole patch: a rectangle of (rows - window + 1) x (cols - window + 1). */
export interface PatchGrid {
  row0: number;
  col0: number;
  rows: number;
  cols: number;
}

/** Where whole patches of an even window fit; rows or cols is 0 when none does. */
export function patchGrid(rows: number, cols: number, window: number): PatchGrid {
  const half = window / 2;
  return { row0: half, col0: half, rows: Math.max(0, rows - window + 1), cols: Math.max(0, cols - window + 1) };
}

/**
 * Cuts the patches centred at pixel indices (row * cols + col) out of an image: N x window x window. The patch of (i, j)
 * covers rows i - window/2 to i + window/2 - 1 and the same columns. Throws RangeError where one leaves the image.
 */
export function cutPatches(
  image_HW: Float32Array,
  rows: number,
  cols: number,
  window: number,
  pixels: ArrayLike<number>,
): Float32Array {
  const half = window / 2;
  const patches_NHW = new Float32Array(pixels.length * window * window);
  for (let n = 0, at = 0; n < pixels.length; n++) {
    const top = Math.floor(pixels[n] / cols) - half;
    const left = pixels[n] % cols - half;
    if (top < 0 || left < 0 || top + window > rows || left + window > cols) {
      throw new RangeError(`Patch of ${window} at pixel ${pixels[n]} leaves the ${rows} x ${cols} image`);
    }
    for (let r = top; r < top + window; r++, at += window) {
      patches_NHW.set(image_HW.subarray(r * cols + left, r * cols + left + window), at);
    }
  }
  return patches_NHW;
}
