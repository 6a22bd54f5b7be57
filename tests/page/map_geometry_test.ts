import fc from "fast-check";
import { assert, assertClose, assertEquals } from "../support/assert.ts";
import { fitMap, panBy, pixelUnder, zoomAbout } from "../../routes/page/src/map_geometry.ts";
import { partSizes } from "../../routes/page/src/training_areas.ts";

const BOX = { width: 480, height: 360 };
/** Screen pixels. */
const TOLERANCE = 1e-6;

Deno.test("the whole map fits into its box, centred", () => {
  const g = fitMap([30, 60], BOX, { aspect: 1, zoom: null });
  assertEquals([g.pixelWidth, g.pixelHeight, g.left, g.top], [8, 8, 0, 60]);
  assertEquals(pixelUnder(g, 0, 59), undefined);
  assertEquals(pixelUnder(g, 479, 299), { row: 29, col: 59 });
});

Deno.test("pixels that are taller than wide are drawn so", () => {
  const g = fitMap([10, 10], { width: 100, height: 400 }, { aspect: 2, zoom: null });
  assertEquals([g.pixelWidth, g.pixelHeight], [10, 20]);
});

Deno.test("zooming keeps the pixel under the pointer where it is, away from the edges", () => {
  const shape = [100, 100] as const;
  const box = { width: 500, height: 500 };
  fc.assert(fc.property(fc.integer({ min: 200, max: 300 }), fc.integer({ min: 200, max: 300 }), (x, y) => {
    const before = fitMap(shape, box, { aspect: 1, zoom: [4, 50, 50] });
    const zoom = zoomAbout(before, box, { zoom: [4, 50, 50], factor: 1.7, x, y });
    const after = fitMap(shape, box, { aspect: 1, zoom });
    const place = (g: typeof before) => [(x - g.left) / g.pixelWidth, (y - g.top) / g.pixelHeight];
    assertClose(place(after), place(before), TOLERANCE);
  }));
});

Deno.test("zooming out to one shows the whole map again", () => {
  const g = fitMap([60, 60], BOX, { aspect: 1, zoom: [2, 30, 30] });
  assertEquals(zoomAbout(g, BOX, { zoom: [2, 30, 30], factor: 0.4, x: 10, y: 10 }), null);
});

Deno.test("a dragged map follows the pointer and stops at its edges", () => {
  const before = fitMap([60, 60], BOX, { aspect: 1, zoom: [4, 30, 30] });
  const zoom = panBy(before, BOX, { zoom: [4, 30, 30], dx: 25, dy: -14 });
  const after = fitMap([60, 60], BOX, { aspect: 1, zoom });
  assertClose([after.left - before.left, after.top - before.top], [25, -14], TOLERANCE);
  const far = fitMap([60, 60], BOX, { aspect: 1, zoom: panBy(before, BOX, { zoom: [4, 30, 30], dx: 1e5, dy: 1e5 }) });
  assertEquals([far.left, far.top], [0, 0]);
});

Deno.test("training and test pixels are counted as the service counts them", () => {
  // 60 x 60, window 8: 53 x 53 patches; the region's 43 columns leave 39 of them, a guard of 7 leaves 7 columns to test.
  assertEquals(partSizes([0, 0, 60, 43], 8, [60, 60]), { train: 53 * 39, test: 53 * 7 });
  const nothing = partSizes([0, 0, 2, 2], 8, [60, 60]);
  assert.equal(nothing.train, 0);
});
