import type { CubeReader } from "./cube.ts";

/** The spectra of pixels given by index (row * cols + col, ascending is fastest): N x points, read row by row. */
export function gatherSpectra(cube: CubeReader, pixels: ArrayLike<number>): Float32Array {
  const [, cols, points] = cube.shape;
  const spectra_NS = new Float32Array(pixels.length * points);
  for (let first = 0; first < pixels.length;) {
    const row = Math.floor(pixels[first] / cols);
    let last = first;
    let [left, right] = [pixels[first] % cols, pixels[first] % cols];
    while (last < pixels.length && Math.floor(pixels[last] / cols) === row) {
      left = Math.min(left, pixels[last] % cols);
      right = Math.max(right, pixels[last++] % cols);
    }
    const block = cube.readBlock({ row, col: left, rows: 1, cols: right - left + 1 });
    for (let n = first; n < last; n++) {
      const start = (pixels[n] % cols - left) * points;
      spectra_NS.set(block.subarray(start, start + points), n * points);
    }
    first = last;
  }
  return spectra_NS;
}
