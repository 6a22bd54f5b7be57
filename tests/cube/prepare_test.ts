import { createMemoryCube } from "../../lib/cube/memory_cube.ts";
import { prepareCube, prepareSpectra } from "../../lib/cube/prepare.ts";
import { type Preparation, preparationsSchema } from "../../lib/schemas/preparation.ts";
import { assert, assertClose, assertEquals, assertFailsWith } from "../support/assert.ts";

function rampCube(rows: number, cols: number, points: number) {
  const axis = { name: "E", unit: "eV", values: Array.from({ length: points }, (_, s) => 10 + s) };
  const values_HWS = Float32Array.from({ length: rows * cols * points }, (_, i) => i);
  const mask_HWS = new Uint8Array(values_HWS.length);
  mask_HWS[1] = 1;
  const values_HW = Float32Array.from({ length: rows * cols }, (_, i) => 100 + i);
  const images = [{ name: "haadf", quantity: "Intensity", unit: "", values_HW }];
  return createMemoryCube({ shape: [rows, cols, points], axes: { spectral: axis }, values_HWS, mask_HWS, images });
}
const whole = (cube: { shape: readonly number[] }) => ({ row: 0, col: 0, rows: cube.shape[0], cols: cube.shape[1] });

Deno.test("a spectral range keeps the steps inside, every n-th", () => {
  const cube = prepareCube(rampCube(2, 2, 6), [{
    step: "spectralRange",
    parameters: { from: 14.5, to: 11, every: 2 },
  }]);
  assertEquals(cube.shape, [2, 2, 2]);
  assertEquals(cube.axes.spectral.values, [11, 13]);
  assertEquals([...cube.readBlock(whole(cube))], [1, 3, 7, 9, 13, 15, 19, 21]);
  assertEquals([...cube.readMap(1)], [3, 9, 15, 21]);
  assertEquals([...cube.readMask(whole(cube))], [1, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("sweeps are averaged, bins summed, steps resampled", () => {
  const averaged = prepareCube(rampCube(1, 1, 6), [{ step: "averageSweeps", parameters: { sweeps: 2 } }]);
  assertEquals([...averaged.readSpectrum(0, 0)], [1.5, 2.5, 3.5]);
  const binned = prepareCube(rampCube(1, 1, 7), [{ step: "binSpectral", parameters: { factor: 3 } }]);
  assertEquals([...binned.readSpectrum(0, 0)], [3, 12]);
  assertEquals(binned.axes.spectral.values, [11, 14]);
  const resampled = prepareCube(rampCube(1, 1, 4), [{ step: "resample", parameters: { points: 7 } }]);
  assertClose(resampled.readSpectrum(0, 0), [0, 0.5, 1, 1.5, 2, 2.5, 3], 1e-6);
  assertEquals([...resampled.readMask(whole(resampled))], [0, 1, 1, 1, 0, 0, 0]);
});

Deno.test("crop and pixel bins move images and axes along", () => {
  const cube = prepareCube(rampCube(4, 5, 2), [
    { step: "crop", parameters: { row: 1, col: 2, rows: 3, cols: 3 } },
    { step: "binPixels", parameters: { factor: 2 } },
  ]);
  assertEquals(cube.shape, [1, 1, 2]);
  // Pixels 7, 8, 12, 13 of the 5 columns: values 2 p and 2 p + 1.
  assertEquals([...cube.readSpectrum(0, 0)], [80, 84]);
  assertEquals([...cube.readImage("haadf")!.values_HW], [110]);
  assertEquals(cube.axes.col.values, [2.5]);
});

Deno.test("a cropped cube shows nothing outside of its crop", async () => {
  const cube = prepareCube(rampCube(4, 5, 2), [{ step: "crop", parameters: { row: 1, col: 1, rows: 2, cols: 2 } }]);
  await assertFailsWith("region_outside", () => cube.readBlock({ row: 0, col: 1, rows: 1, cols: 2 }));
  await assertFailsWith("region_outside", () => cube.readSpectrum(-1, 0));
  await assertFailsWith("region_outside", () => cube.readMask({ row: 2, col: 0, rows: 1, cols: 1 }));
  await assertFailsWith("index_outside", () => cube.readMap(2));
});

Deno.test("backgrounds leave what stands on them", () => {
  const values = Array.from({ length: 20 }, (_, s) => 10 + s);
  const axis = { name: "E", unit: "eV", values };
  const peak = (s: number) => s === 15 ? 7 : 0;
  const on = (background: (x: number) => number) => Float32Array.from(values, (x, s) => background(x) + peak(s));
  const subtract = (spectrum: Float32Array, model: "constant" | "linear" | "powerLaw") =>
    prepareSpectra(spectrum, axis, [{ step: "background", parameters: { model, from: 10, to: 20 } }]).values_NS;
  const peakAlone = values.map((_, s) => peak(s));
  assertClose(subtract(on(() => 4), "constant"), peakAlone, 1e-5);
  assertClose(subtract(on((x) => 3 * x - 2), "linear"), peakAlone, 1e-4);
  assertClose(subtract(on((x) => 5000 * x ** -2.5), "powerLaw"), peakAlone, 1e-3);
});

Deno.test("the recorded steps, read back from JSON, give the same values again", () => {
  const steps: Preparation[] = [
    { step: "spectralRange", parameters: { from: 11, to: 18, every: 1 } },
    { step: "resample", parameters: { points: 5 } },
    { step: "background", parameters: { model: "linear", from: 11, to: 15 } },
  ];
  const raw = rampCube(3, 3, 12);
  const prepared = prepareCube(raw, steps);
  const again = preparationsSchema.parse(JSON.parse(JSON.stringify(steps)));
  assertEquals(
    [...prepareCube(raw, again).readBlock(whole(prepared))],
    [...prepared.readBlock(whole(prepared))],
  );
  const one = prepareSpectra(raw.readSpectrum(1, 2), raw.axes.spectral, again);
  assertEquals([...one.values_NS], [...prepared.readSpectrum(1, 2)]);
  assertEquals(one.axis, prepared.axes.spectral);
});

Deno.test("steps that do not fit are refused with the numbers", async () => {
  const cube = rampCube(3, 3, 7);
  const refuse = (code: string, step: Preparation) => assertFailsWith(code, () => prepareCube(cube, [step]));
  const sweeps = await refuse("sweeps_do_not_fit", { step: "averageSweeps", parameters: { sweeps: 2 } });
  assert.match(sweeps.message, /7.*2/);
  await refuse("preparation_empty", { step: "spectralRange", parameters: { from: 100, to: 200, every: 1 } });
  await refuse("preparation_empty", { step: "binSpectral", parameters: { factor: 8 } });
  await refuse("preparation_empty", { step: "binPixels", parameters: { factor: 4 } });
  await refuse("region_outside", { step: "crop", parameters: { row: 2, col: 0, rows: 2, cols: 1 } });
  await refuse("background_range", { step: "background", parameters: { model: "linear", from: 50, to: 60 } });
});
