import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { splitPixels } from "../../lib/cube/split.ts";
import { unstandardise } from "../../lib/cube/scale.ts";
import { type TrainRequest, trainRequestSchema } from "../../lib/schemas/job.ts";
import { buildTrainingData } from "../../lib/training/training_data.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";

const [ROWS, COLS, WINDOW] = [24, 30, 4];
const { cube } = simulateFilm({ rows: ROWS, cols: COLS, points: 8, seed: 2 });
const request = (change: Partial<TrainRequest>) =>
  trainRequestSchema.parse({ kind: "train", direction: "im2spec", cube: "c", saveAs: "m", window: WINDOW, ...change });

function patchPixels(pixel: number): number[] {
  const [top, left] = [Math.floor(pixel / COLS) - WINDOW / 2, pixel % COLS - WINDOW / 2];
  return Array.from({ length: WINDOW ** 2 }, (_, k) => (top + Math.floor(k / WINDOW)) * COLS + left + k % WINDOW);
}

Deno.test("a pair is the patch around a pixel and that pixel's own spectrum", () => {
  const data = buildTrainingData(cube, request({}));
  const map = cube.readMap(0);
  for (const n of [0, 17, data.train.pixels.length - 1]) {
    const pixel = data.train.pixels[n];
    const input = unstandardise(data.train.input_NI.subarray(n * 16, n * 16 + 16), data.scaler.input);
    assertClose(input, patchPixels(pixel).map((p) => map[p]), 1e-4);
    const target = unstandardise(data.train.target_NO.subarray(n * 8, n * 8 + 8), data.scaler.output);
    assertClose(target, cube.readSpectrum(Math.floor(pixel / COLS), pixel % COLS), 1e-4);
  }
});

Deno.test("the scaler sees the training part alone", () => {
  const { train, scaler } = buildTrainingData(cube, request({ scaling: "perStep" }));
  assertEquals([(scaler.output.mean as number[]).length, typeof scaler.input.mean], [8, "number"]);
  for (const values of [train.input_NI, train.target_NO]) {
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + v * v, 0) / values.length;
    assertClose([mean, variance], [0, 1], 1e-4);
  }
});

Deno.test("pixels of which most was filled in are neither trained on nor scored", async () => {
  const points = 8, values_HWS = cube.readBlock({ row: 0, col: 0, rows: ROWS, cols: COLS });
  const cutOffAt = (row: number) => {
    const mask_HWS = new Uint8Array(values_HWS.length).fill(1, row * COLS * points);
    return createMemoryCube({ shape: cube.shape, axes: cube.axes, values_HWS, mask_HWS });
  };
  const [all, half] = [cutOffAt(ROWS), cutOffAt(12)].map((one) => buildTrainingData(one, request({})));
  for (const part of ["train", "test", "guard"] as const) {
    const kept = all[part].pixels.filter((pixel) => pixel < 12 * COLS);
    assertEquals(half[part].pixels, kept, part);
    assert.ok(kept.length < all[part].pixels.length);
  }
  const some = new Uint8Array(values_HWS.length).map((_, i) => i % points < points / 2 ? 1 : 0);
  const halves = createMemoryCube({ shape: cube.shape, axes: cube.axes, values_HWS, mask_HWS: some });
  assertEquals(buildTrainingData(halves, request({})).train.pixels, all.train.pixels, "half of a spectrum is enough");
  const few = await assertFailsWith("too_few_measured_pixels", () => buildTrainingData(cutOffAt(3), request({})));
  assert.match(few.message, /^Only 19 training pixels.*32 are expected/);
});

Deno.test("the guard of spec2im looks at no pixel of any test patch, and at some pixels", () => {
  const { guard, guardWeight_NO } = buildTrainingData(cube, request({ direction: "spec2im" }));
  const tested = new Set([...splitPixels(cube.shape, WINDOW).test].flatMap(patchPixels));
  let looked = 0;
  guard.pixels.forEach((pixel, n) =>
    patchPixels(pixel).forEach((p, k) => {
      assert.equal(guardWeight_NO[n * 16 + k], tested.has(p) ? 0 : 1);
      looked += guardWeight_NO[n * 16 + k];
    })
  );
  assert.ok(looked > 100, `${looked}`);
});

Deno.test("what an ensemble is calibrated on shares no pixel with what it is trained on, and is not the test part", () => {
  const { train, calibration, test } = buildTrainingData(cube, request({ members: 2 }));
  const trained = new Set([...train.pixels].flatMap(patchPixels));
  assert.ok(calibration.pixels.length >= 20);
  for (const pixel of calibration.pixels) assert.ok(patchPixels(pixel).every((p) => !trained.has(p)));
  assertEquals(test.pixels, splitPixels(cube.shape, WINDOW).test);
  assert.ok(!calibration.pixels.some((pixel) => test.pixels.includes(pixel)));
});
