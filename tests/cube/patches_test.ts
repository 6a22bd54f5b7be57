import fc from "fast-check";
import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { gatherSpectra } from "../../lib/cube/gather_spectra.ts";
import { cutPatches, patchGrid } from "../../lib/cube/patches.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

Deno.test("the patch of (i, j) covers i - w/2 to i + w/2 - 1", () => {
  const image = Float32Array.from({ length: 6 * 7 }, (_, i) => i);
  const patch = cutPatches(image, 6, 7, 4, [2 * 7 + 3]);
  assertEquals([...patch], [1, 2, 3, 4, 8, 9, 10, 11, 15, 16, 17, 18, 22, 23, 24, 25]);
});

Deno.test("the pixel itself stands at (w/2, w/2) of its patch, all over the grid (property)", () => {
  const size = fc.tuple(fc.integer({ min: 4, max: 15 }), fc.integer({ min: 4, max: 15 }), fc.constantFrom(2, 4));
  fc.assert(fc.property(size, ([rows, cols, window]) => {
    const image = Float32Array.from({ length: rows * cols }, (_, i) => i);
    const grid = patchGrid(rows, cols, window);
    assert.equal(grid.rows * grid.cols, (rows - window + 1) * (cols - window + 1));
    const pixels = Array.from(
      { length: grid.rows * grid.cols },
      (_, n) => (grid.row0 + Math.floor(n / grid.cols)) * cols + grid.col0 + n % grid.cols,
    );
    const patches_NHW = cutPatches(image, rows, cols, window, pixels);
    for (let n = 0; n < pixels.length; n++) {
      assert.equal(patches_NHW[n * window * window + (window / 2) * (window + 1)], pixels[n]);
    }
  }));
});

Deno.test("a patch that leaves the image is refused", () => {
  for (const pixel of [0, 1 * 6 + 3, 3 * 6 + 5, 5 * 6 + 3]) {
    assert.throws(() => cutPatches(new Float32Array(36), 6, 6, 4, [pixel]), RangeError);
  }
});

Deno.test("spectra are gathered in the order asked for", async () => {
  const values_HWS = Float32Array.from({ length: 4 * 5 * 3 }, (_, i) => i);
  const cube = createMemoryCube({ shape: [4, 5, 3], values_HWS });
  assertEquals([...gatherSpectra(cube, [7, 6, 19, 0])], [21, 22, 23, 18, 19, 20, 57, 58, 59, 0, 1, 2]);
  assertEquals([...cube.readMap(2).slice(0, 3)], [2, 5, 8]);
  assertEquals([...cube.readSpectrum(1, 2)], [21, 22, 23]);
  assertEquals([...cube.readBlock({ row: 2, col: 3, rows: 2, cols: 2 }).slice(6)], [54, 55, 56, 57, 58, 59]);
  await assertFailsWith("region_outside", () => cube.readBlock({ row: 3, col: 0, rows: 2, cols: 1 }));
  await assertFailsWith("index_outside", () => cube.readMap(3));
});
