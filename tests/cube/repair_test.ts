import fc from "fast-check";
import { createRandom } from "../../lib/base/random.ts";
import { failedPixels } from "../../lib/cube/failed_pixels.ts";
import { medianInPlace, quickSelect } from "../../lib/cube/quick_select.ts";
import { repairMap } from "../../lib/cube/repair.ts";
import { assert, assertClose, assertEquals } from "../support/assert.ts";

function gradientMap(rows: number, cols: number, seed = 1): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from(
    { length: rows * cols },
    (_, i) => Math.fround(Math.floor(i / cols) * 0.1 + (i % cols) * 0.01 + 0.001 * random.normal()),
  );
}

Deno.test("a map without faults comes back unchanged", () => {
  const map = gradientMap(20, 30);
  const repaired = repairMap(map, 20, 30);
  assertEquals([...repaired.values_HW], [...map]);
  assertEquals([repaired.nan, repaired.outliers, repaired.mask_HW.some((m) => m === 1)], [0, 0, false]);
});

Deno.test("NaN, infinities and outliers become the median of their good neighbours", () => {
  const clean = gradientMap(20, 30);
  const faulty = clean.slice();
  faulty[5 * 30 + 7] = NaN;
  faulty[9 * 30 + 9] = Infinity;
  faulty[0] = -1e6;
  faulty[12 * 30 + 3] = 500;
  const { values_HW, mask_HW, nan, outliers } = repairMap(faulty, 20, 30);
  assertEquals([nan, outliers], [2, 2]);
  assertEquals([...mask_HW.keys()].filter((i) => mask_HW[i]), [0, 5 * 30 + 7, 9 * 30 + 9, 12 * 30 + 3]);
  // The gradient over one neighbour is at most 0.11; the corner sees only one side.
  assertClose(values_HW, clean, 0.12, "repaired");
  assert.equal(values_HW[5 * 30 + 7], medianInPlace(neighbours(clean, 30, 5, 7)));
});

function neighbours(map: Float32Array, cols: number, row: number, col: number): Float32Array {
  const found: number[] = [];
  for (let r = row - 1; r <= row + 1; r++) {
    for (let c = col - 1; c <= col + 1; c++) if (r !== row || c !== col) found.push(map[r * cols + c]);
  }
  return Float32Array.from(found);
}

Deno.test("with mode off outliers stay, NaN are still replaced", () => {
  const faulty = gradientMap(10, 10);
  faulty[11] = 1e6;
  faulty[55] = NaN;
  const { values_HW, nan, outliers } = repairMap(faulty, 10, 10, { mode: "off" });
  assertEquals([nan, outliers, values_HW[11]], [1, 0, 1e6]);
  assert.ok(Number.isFinite(values_HW[55]));
});

Deno.test("a constant map is left alone, but one with jitter and a spike is repaired", () => {
  assertEquals(repairMap(new Float32Array(100).fill(3), 10, 10).outliers, 0);
  const jitter = Float32Array.from({ length: 100 }, (_, i) => i % 4 === 0 ? 3 + 0.001 * i : 3);
  jitter[50] = 1e3;
  const { values_HW, outliers } = repairMap(jitter, 10, 10);
  assertEquals(outliers, 1);
  assertClose([values_HW[50]], [3], 0.1);
});

Deno.test("sparse counts are signal, not outliers", () => {
  const random = createRandom(4);
  const counts = Float32Array.from({ length: 900 }, () => random.uniform() < 0.1 ? 1 + random.integer(3) : 0);
  assertEquals(repairMap(counts, 30, 30).outliers, 0);
});

Deno.test("pixels named unusable are replaced whatever their value, and a deep hole gets the map's median", () => {
  const map = gradientMap(40, 40);
  const unusable_HW = new Uint8Array(1600);
  for (let r = 0; r < 40; r++) unusable_HW.fill(1, r * 40, r * 40 + 30);
  const { values_HW, outliers } = repairMap(map, 40, 40, { unusable_HW });
  assertEquals(outliers, 1200);
  const good = Float32Array.from([...map].filter((_, i) => !unusable_HW[i]));
  assert.equal(values_HW[20 * 40], Math.fround(medianInPlace(good)));
});

Deno.test("a map without one good value takes the fallback, or stays NaN", () => {
  const none = new Float32Array(4).fill(NaN);
  const fallback_HW = Float32Array.of(1, 2, 3, 4);
  assertEquals([...repairMap(none, 2, 2, { fallback_HW }).values_HW], [1, 2, 3, 4]);
  assertEquals([...repairMap(none, 2, 2).values_HW], [NaN, NaN, NaN, NaN]);
  assertEquals(repairMap(none, 2, 2).nan, 4);
});

Deno.test("repaired maps are finite and differ from the input exactly in the mask (property)", () => {
  const value = fc.oneof({ weight: 9, arbitrary: fc.float({ noNaN: true, min: -1, max: 1 }) }, fc.float());
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 12 }).chain((cols) =>
      fc.tuple(fc.constant(cols), fc.array(fc.array(value, { minLength: cols, maxLength: cols }), { minLength: 1 }))
    ),
    ([cols, table]) => {
      const map = Float32Array.from(table.flat());
      const { values_HW, mask_HW, nan, outliers } = repairMap(map, table.length, cols);
      if (nan === map.length) return;
      assert.equal(mask_HW.reduce((sum, m) => sum + m, 0), nan + outliers);
      for (let i = 0; i < map.length; i++) {
        assert.ok(Number.isFinite(values_HW[i]));
        if (!mask_HW[i]) assert.equal(values_HW[i], map[i]);
      }
    },
  ));
});

Deno.test("quickSelect agrees with sorting (property)", () => {
  fc.assert(fc.property(fc.float32Array({ noNaN: true, minLength: 1, maxLength: 200 }), fc.nat(), (values, n) => {
    const sorted = values.slice().sort();
    const k = n % values.length;
    assert.ok(quickSelect(values.slice(), k) === sorted[k]);
  }));
});

Deno.test("a pixel has failed when more than half of its steps were replaced", () => {
  assertEquals(failedPixels([0, 32, 33, 64], 64), [2, 3]);
});
