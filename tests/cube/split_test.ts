import fc from "fast-check";
import { patchGrid } from "../../lib/cube/patches.ts";
import { defaultRegion, PIXEL_LABEL, type PixelSplit, splitPixels } from "../../lib/cube/split.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

function pixelsOfPatches(pixels: Int32Array, cols: number, window: number): Set<number> {
  const covered = new Set<number>();
  for (const pixel of pixels) {
    const [top, left] = [Math.floor(pixel / cols) - window / 2, pixel % cols - window / 2];
    for (let r = top; r < top + window; r++) for (let c = left; c < left + window; c++) covered.add(r * cols + c);
  }
  return covered;
}

Deno.test("the real cube's split: 1376 training, 301 guard and 172 test pixels of 50 x 50 with window 8", () => {
  const split = splitPixels([50, 50, 64], 8);
  assertEquals(split.region, { row: 0, col: 0, rows: 50, cols: 36 });
  assertEquals([split.train.length, split.guard.length, split.test.length], [43 * 32, 43 * 7, 43 * 4]);
  assertEquals([split.train[0], split.test[0]], [4 * 50 + 4, 4 * 50 + 43]);
});

Deno.test("no test patch shares a pixel with a training patch, and labels agree with the lists (property)", () => {
  const shape = fc.tuple(
    fc.integer({ min: 8, max: 40 }),
    fc.integer({ min: 8, max: 40 }),
    fc.integer({ min: 1, max: 5 }),
  );
  const region = fc.tuple(fc.nat(8), fc.nat(8), fc.integer({ min: 4, max: 24 }), fc.integer({ min: 4, max: 24 }));
  let splits = 0;
  fc.assert(
    fc.property(shape, region, ([rows, cols, half], [row, col, height, width]) => {
      const window = 2 * half;
      let split: PixelSplit;
      try {
        split = splitPixels([rows, cols, 3], window, { row, col, rows: height, cols: width });
      } catch (error) {
        assert.match((error as Error).message, /\d/);
        return;
      }
      splits++;
      const trained = pixelsOfPatches(split.train, cols, window);
      for (const pixel of pixelsOfPatches(split.test, cols, window)) assert.ok(!trained.has(pixel));
      const grid = patchGrid(rows, cols, window);
      assert.equal(split.train.length + split.guard.length + split.test.length, grid.rows * grid.cols);
      for (const pixel of split.train) assert.equal(split.label_HW[pixel], PIXEL_LABEL.train);
      for (const pixel of split.test) assert.equal(split.label_HW[pixel], PIXEL_LABEL.test);
      for (const pixel of split.train) {
        const [r, c] = [Math.floor(pixel / cols), pixel % cols];
        assert.ok(r >= row && r < row + height && c >= col && c < col + width);
      }
    }),
    { numRuns: 500, seed: 5 },
  );
  assert.ok(splits > 100, `only ${splits} valid splits were tried`);
});

Deno.test("every guard pixel's patch shares a pixel with a training patch", () => {
  const split = splitPixels([30, 34, 3], 6, { row: 5, col: 8, rows: 12, cols: 10 });
  const trained = pixelsOfPatches(split.train, 34, 6);
  for (const pixel of split.guard) {
    const patch = pixelsOfPatches(Int32Array.of(pixel), 34, 6);
    assert.ok([...patch].some((p) => trained.has(p)), `pixel ${pixel}`);
  }
});

Deno.test("the default region shrinks so that a large window leaves test pixels", () => {
  assertEquals(defaultRegion(60, 60, 8).cols, 43);
  const split = splitPixels([60, 60, 64], 16);
  assert.ok(split.region.cols < 43);
  assert.ok(split.test.length >= 3 * 45, `${split.test.length} test pixels`);
});

Deno.test("what cannot be split is refused with the numbers", async () => {
  const odd = await assertFailsWith("window_odd", () => splitPixels([20, 20, 3], 7));
  assert.match(odd.message, /7/);
  const large = await assertFailsWith("window_too_large", () => splitPixels([20, 30, 3], 22));
  assert.match(large.message, /22.*20 x 30/);
  const outside = await assertFailsWith(
    "region_outside",
    () => splitPixels([20, 30, 3], 4, { row: 15, col: 0, rows: 6, cols: 10 }),
  );
  assert.match(outside.message, /15 to 20.*20 rows/);
  await assertFailsWith("region_outside", () => splitPixels([20, 30, 3], 4, { row: 0, col: 0, rows: 0, cols: 3 }));
  const few = await assertFailsWith("too_few_train_pixels", () => splitPixels([10, 10, 3], 8));
  assert.match(few.message, /10 x 10.*32/);
  const whole = { row: 0, col: 0, rows: 40, cols: 40 };
  await assertFailsWith("too_few_test_pixels", () => splitPixels([40, 40, 3], 8, whole));
});
