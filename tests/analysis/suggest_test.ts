import fc from "fast-check";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";
import { createRandom } from "../../lib/base/random.ts";
import { noveltyOf } from "../../lib/analysis/novelty.ts";
import { suggestByDiversity, suggestByScore } from "../../lib/analysis/suggest.ts";

const ROWS = 30, COLS = 40;

/** Sixty planted anomalies (5 % of the map) in three spots of the right half, where nothing is measured. */
function plantedMap() {
  const random = createRandom(7);
  const planted = new Set<number>();
  for (const [row, col] of [[4, 26], [15, 35], [24, 22]]) {
    for (let i = 0; i < 20; i++) planted.add((row + Math.floor(i / 5)) * COLS + col + i % 5);
  }
  const score_HW = Float64Array.from(
    { length: ROWS * COLS },
    (_, p) => Math.abs(random.normal()) + (planted.has(p) ? 3 : 0),
  );
  return { planted, score_HW, measured: (pixel: number) => pixel % COLS < 20 };
}

Deno.test("suggested points hit planted anomalies at five times the random rate, and not all on one spot", () => {
  const { planted, score_HW, measured } = plantedMap();
  const points = suggestByScore(score_HW, { count: 12, rows: ROWS, cols: COLS, measured });
  const hits = points.filter(({ row, col }) => planted.has(row * COLS + col));
  const randomRate = planted.size / (ROWS * COLS / 2);
  assert.ok(hits.length / points.length >= 5 * randomRate, `${hits.length} of ${points.length}`);
  const spots = new Set(hits.map(({ row }) => row < 10 ? 0 : row < 22 ? 1 : 2));
  assertEquals(spots.size, 3);
});

Deno.test("suggestions are distinct, never measured, and fall in score", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 1000 }), (count, seed) => {
      const random = createRandom(seed);
      const score = Float64Array.from({ length: 48 }, () => random.uniform() < 0.1 ? NaN : random.normal());
      const measured = (pixel: number) => pixel % 5 === 0;
      for (
        const points of [
          suggestByScore(score, { count, rows: 6, cols: 8, measured }),
          suggestByDiversity({ count, rows: 6, cols: 8, measured }),
        ]
      ) {
        const pixels = points.map(({ row, col }) => row * 8 + col);
        assertEquals(new Set(pixels).size, pixels.length);
        assert.ok(pixels.every((pixel) => !measured(pixel)));
        assert.ok(points.every(({ score }, i) => i === 0 || score <= points[i - 1].score + 1e-12));
        assert.ok(points.length <= count);
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("diversity goes furthest from what is measured, and starts in the middle of an unmeasured map", () => {
  const left = suggestByDiversity({ count: 1, rows: 5, cols: 9, measured: (pixel) => pixel % 9 < 2 });
  assertEquals([left[0].col, left[0].score], [8, 7]);
  const empty = suggestByDiversity({ count: 2, rows: 5, cols: 9, measured: () => false });
  assertEquals([empty[0].row, empty[0].col], [2, 4]);
  assertClose([empty[1].score], [Math.hypot(2, 4)], 1e-12);
});

Deno.test("a map without unmeasured pixels has nothing to suggest", async () => {
  const options = { count: 3, rows: 2, cols: 2, measured: () => true };
  await assertFailsWith("too_few_points", () => suggestByScore([1, 2, 3, 4], options));
  await assertFailsWith("too_few_points", () => suggestByDiversity(options));
});

Deno.test("novelty counts each latent variable in its own spread", () => {
  const random = createRandom(1);
  const latents = Float64Array.from({ length: 4000 }, (_, i) => (i % 2 ? 100 : 1) * random.normal());
  const met = noveltyOf(Float64Array.of(...latents, 3, 0, 0, 300, NaN, 0), 2, (n) => n < 2000);
  assertClose([met[2000], met[2001]], [3, 3], 0.2);
  assert.ok(Number.isNaN(met[2002]));
  assert.ok(noveltyOf(latents, 2, () => false).every(Number.isNaN));
});
