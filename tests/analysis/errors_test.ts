import fc from "fast-check";
import { assert, assertClose, assertEquals } from "../support/assert.ts";
import { testWithShared } from "../support/shared.ts";
import { areaErrorOfEach, mseOfEach, nrmseOfEach } from "../../lib/analysis/pixel_errors.ts";
import { polygonArea, polygonOf } from "../../lib/analysis/polygon.ts";
import { ssim } from "../../lib/analysis/ssim.ts";
import { readGolden } from "./golden.ts";

const EXACT = 1e-9;

testWithShared("structural similarity is scikit-image's", (shared) => {
  const { a, b, data_range, ssim: wanted } = readGolden(shared).ssim;
  assertClose([ssim(a.flat(), b.flat(), { rows: 8, cols: 8, dataRange: data_range })], [wanted], EXACT);
});

Deno.test("similarity is 1 with itself, symmetric, and at most 1", () => {
  const image = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 24, maxLength: 24 });
  fc.assert(fc.property(image, image, (a, b) => {
    const options = { rows: 4, cols: 6, dataRange: 10 };
    const value = ssim(a, b, options);
    assertClose([ssim(a, a, options), ssim(b, a, options)], [1, value], EXACT);
    assert.ok(value <= 1 + EXACT && value >= -1 - EXACT);
  }));
});

Deno.test("similarity of patches smaller than the window takes the largest odd window", () => {
  const a = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7], b = a.toReversed();
  const options = { rows: 4, cols: 4, dataRange: 8 };
  assertEquals(ssim(a, b, options), ssim(a, b, { ...options, window: 3 }));
  assertClose([ssim([3], [3], { rows: 1, cols: 1, dataRange: 1 })], [1], EXACT);
  assert.ok(Number.isNaN(ssim([NaN, ...a.slice(1)], b, options)));
});

Deno.test("two constant equal images without a range are the same", () => {
  assertEquals(ssim([0, 0, 0, 0], [0, 0, 0, 0], { rows: 2, cols: 2, dataRange: 0 }), 1);
});

Deno.test("errors of each pair by hand", () => {
  const pairs = { prediction: [1, 2, 3, 3], target: [1, 0, 1, 1], size: 2 };
  assertClose(mseOfEach(pairs), [2, 4], EXACT);
  assertClose(nrmseOfEach(pairs), [Math.sqrt(4 / 8), Math.sqrt(8 / 32)], EXACT);
  assertClose(nrmseOfEach({ prediction: [0, 0], target: [0, 0], size: 2 }), [0], 0);
  assert.ok(Number.isNaN(mseOfEach({ prediction: [NaN, 1], target: [1, 1], size: 2 })[0]));
  assert.throws(() => mseOfEach({ prediction: [1], target: [1, 2, 3], size: 2 }), /3 values/);
});

Deno.test("area error compares unsigned areas, whichever way the loop turns", () => {
  const axis = [0, 1, 1, 0], square = [0, 0, 1, 1], turned = [1, 1, 0, 0], twice = [0, 0, 2, 2];
  assertClose(
    areaErrorOfEach({ prediction: [...turned, ...twice], target: [...square, ...square] }, axis),
    [0, 1],
    EXACT,
  );
});

Deno.test("a figure of eight has no area, and a line has its mean as centroid", () => {
  assertClose([polygonArea([0, 1, 1, 0], [0, 1, 0, 1])], [0], EXACT);
  const line = polygonOf([0, 1, 2], [0, 1, 2]);
  assertClose([line.signedArea, line.centroidX, line.centroidY], [0, 1, 1], EXACT);
});

Deno.test("area does not change with the start and centroid moves with the polygon", () => {
  const point = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 }));
  fc.assert(fc.property(fc.array(point, { minLength: 3, maxLength: 9 }), (points) => {
    const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
    const rolled = [...points.slice(1), points[0]];
    const area = polygonArea(xs, ys);
    assertClose([polygonArea(rolled.map(([x]) => x), rolled.map(([, y]) => y))], [area], EXACT);
    const moved = polygonOf(xs.map((x) => x + 7), ys);
    assertClose([moved.centroidX], [polygonOf(xs, ys).centroidX + 7], 1e-6);
  }));
});
