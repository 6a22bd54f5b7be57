import fc from "fast-check";
import { PIXEL_LABEL, splitPixels } from "../../lib/cube/split.ts";
import { preparationAfter } from "../../lib/cube/repeat_preparation.ts";
import type { Preparation } from "../../lib/schemas/preparation.ts";
import type { ModelManifest } from "../../lib/schemas/model.ts";
import { placeOnTrained, seenRegions, trainedLabels } from "../../lib/training/evaluation/seen_regions.ts";
import { assert, assertEquals } from "../support/assert.ts";

const [SHA, ROWS, COLS] = ["a", 40, 44];
const shape = [ROWS, COLS, 4] as [number, number, number];
const REGION = { row: 4, col: 6, rows: 20, cols: 14 };
const SEEN = [{ row: 10, col: 30, rows: 8, cols: 3 }];
const background: Preparation = { step: "background", parameters: { model: "constant", from: 0, to: 1 } };
const bin: Preparation = { step: "binPixels", parameters: { factor: 2 } };
const crop = (row: number, col: number, rows: number, cols: number): Preparation => ({
  step: "crop",
  parameters: { row, col, rows, cols },
});
const trained = (preparation?: Preparation[], change = {}) =>
  ({ preparation, training: { cubeSha256: SHA, shape, region: REGION, seen: SEEN, ...change } }) as unknown as Pick<
    ModelManifest,
    "training" | "preparation"
  >;

Deno.test("labels of the training cube are those of its split, whatever the window (property)", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), (half) => {
      const labels = trainedLabels(trained(), { cubeSha256: SHA, shape }, 2 * half);
      assertEquals(labels, splitPixels(shape, 2 * half, REGION, SEEN).label_HW);
    }),
    { numRuns: 5 },
  );
});

Deno.test("a crop of the training cube has its labels, and so has the training cube where that was the crop", () => {
  const window = 4, whole = splitPixels(shape, window, REGION, SEEN).label_HW;
  const source = { cubeSha256: SHA, shape: [20, 24, 4] as const, preparation: [crop(5, 9, 20, 24)] };
  const part = trainedLabels(trained(), source, window);
  for (let row = 2; row <= 18; row++) {
    for (let col = 2; col <= 22; col++) assertEquals(part[row * 24 + col], whole[(row + 5) * COLS + col + 9]);
  }
  assert.ok(part.includes(PIXEL_LABEL.train) && part.includes(PIXEL_LABEL.guard) && part.includes(PIXEL_LABEL.test));
  assertEquals(placeOnTrained(trained(), source)?.whole, false);
  const larger = { cubeSha256: SHA, shape: [60, 60, 4] as const };
  const outside = trainedLabels(trained([crop(5, 9, ROWS, COLS)]), larger, window);
  for (let row = 2; row <= ROWS - 2; row++) {
    for (let col = 2; col <= COLS - 2; col++) {
      assertEquals(outside[(row + 5) * 60 + col + 9], whole[row * COLS + col]);
    }
  }
});

Deno.test("the raw upload of the training cube is the training cube once the model's steps are repeated", () => {
  const steps = [background, bin];
  const source = { cubeSha256: SHA, shape, preparation: preparationAfter([], steps) };
  assertEquals(placeOnTrained(trained(steps), source), { row: 0, col: 0, whole: true });
  const cropped = { ...source, preparation: preparationAfter([crop(6, 8, 20, 20)], steps) };
  assertEquals(placeOnTrained(trained(steps), cropped), { row: 3, col: 4, whole: false });
  assertEquals(placeOnTrained(trained(steps), { ...source, preparation: [] }), undefined, "pixels of another size");
});

Deno.test("other bytes, or another cube of the same file, are not what was trained on", () => {
  assertEquals(placeOnTrained(trained(), { cubeSha256: "b", shape }), undefined);
  const small = { cubeSha256: SHA, shape: [10, 10, 4] as const };
  assertEquals(placeOnTrained(trained(), small), undefined);
  const labels = trainedLabels(trained(), small, 4);
  assertEquals(labels.filter((label) => label === PIXEL_LABEL.test).length, 7 * 7);
  assertEquals(labels.filter((label) => label === PIXEL_LABEL.outside).length, 100 - 7 * 7);
  // A model from before sizes were recorded.
  assertEquals(placeOnTrained(trained([], { shape: undefined }), { cubeSha256: SHA, shape })?.whole, true);
});

Deno.test("of a crop to go on with, nothing near what was trained on before is tested", () => {
  const window = 4, source = { cubeSha256: SHA, shape: [40, 24, 4] as const, preparation: [crop(0, 20, 40, 24)] };
  const seen = seenRegions(trained(), source, window);
  const { label_HW } = splitPixels(source.shape, window, { row: 28, col: 0, rows: 12, cols: 8 }, seen);
  const before = splitPixels(shape, window, REGION, SEEN).label_HW;
  let tested = 0;
  for (let row = 2; row <= 38; row++) {
    for (let col = 2; col <= 22; col++) {
      if (label_HW[row * 24 + col] !== PIXEL_LABEL.test) continue;
      tested++;
      assertEquals(before[row * COLS + col + 20], PIXEL_LABEL.test, `${row}, ${col}`);
    }
  }
  assert.ok(tested > 50, `${tested}`);
});
