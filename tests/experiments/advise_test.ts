import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { gatherSpectra } from "../../lib/cube/gather_spectra.ts";
import { type AdviceInput, advise, targetValues } from "../../lib/experiments/advise.ts";
import { pixelFeatures } from "../../lib/experiments/pixel_features.ts";
import { fitSurrogate } from "../../lib/experiments/surrogate.ts";
import { createRandom } from "../../lib/base/random.ts";
import { assert, assertEquals, assertFailsWith } from "../support/assert.ts";

const [ROWS, COLS] = [24, 26];
const { cube } = simulateFilm({ rows: ROWS, cols: COLS, points: 32, seed: 5, noise: 0.05 });
const features = pixelFeatures(cube.readMap(0), ROWS, COLS, 8);
const axis = cube.axes.spectral.values;
const ALL = Int32Array.from({ length: ROWS * COLS }, (_, pixel) => pixel);

function measuredAt(pixels: Int32Array) {
  return { pixels, values_NO: Float64Array.from(gatherSpectra(cube, pixels)) };
}

function inputFor(pixels: Int32Array, change: Partial<AdviceInput> = {}): AdviceInput {
  const measured = measuredAt(pixels);
  return { features, strategy: "mixed", axis, seed: 3, measured, learned: 0, count: 16, ...change };
}

const STRATEGIES = ["mixed", "space", "uncertainty", "novelty", "random", "grid", "target"] as const;

for (const strategy of STRATEGIES) {
  Deno.test(`${strategy}: new points on the map, none twice, the same for the same seed and history`, () => {
    const target = { parameter: "area", goal: "max" } as const;
    for (const count of [0, 5, 60]) {
      const pixels = createRandom(count + 1).shuffle(ALL.slice()).slice(0, count);
      const input = inputFor(pixels, { strategy, target });
      const { points, trainedOn } = advise(input);
      assertEquals([points.length, trainedOn], [16, count]);
      const chosen = new Set(points.map(({ pixel }) => pixel));
      assertEquals(chosen.size, 16);
      const forbidden_HW = new Uint8Array(ROWS * COLS).fill(1, 0, COLS * 12);
      const allowed = advise({ ...input, forbidden_HW, pending: ALL.slice(-COLS) }).points;
      assertEquals(allowed.length, 16);
      assert(allowed.every(({ pixel }) => pixel >= COLS * 12 && pixel < ROWS * COLS - COLS && !pixels.includes(pixel)));
      assert([...chosen].every((pixel) => pixel >= 0 && pixel < ROWS * COLS && !pixels.includes(pixel)));
      assertEquals(advise(input).points, points);
    }
  });
}

Deno.test("a grid gets finer: its first points are evenly apart, and in the end every pixel is there", () => {
  const { points } = advise(inputFor(new Int32Array(), { strategy: "grid", count: ROWS * COLS }));
  assertEquals(new Set(points.map(({ pixel }) => pixel)).size, ROWS * COLS);
  const first = points.filter(({ score }) => score === 4);
  const rows = new Set(first.map(({ pixel }) => Math.floor(pixel / COLS)));
  const cols = new Set(first.map(({ pixel }) => pixel % COLS));
  assertEquals([[...rows].sort((a, b) => a - b), first.length], [[2, 6, 10, 14, 18, 22], rows.size * cols.size]);
  assertEquals(points.slice(0, first.length), first, "the coarse grid comes first");
});

Deno.test("the two halves of a mixed batch keep away from each other", () => {
  const pixels = createRandom(6).shuffle(ALL.slice()).slice(0, 40);
  const { points } = advise(inputFor(pixels, { strategy: "mixed" }));
  const near = points.filter(({ pixel }, i) =>
    points.slice(0, i).some((other) =>
      Math.hypot(Math.floor(pixel / COLS) - Math.floor(other.pixel / COLS), pixel % COLS - other.pixel % COLS) < 2
    )
  );
  assertEquals(near, []);
});

Deno.test("where fewer points are left than asked for, all of them are chosen", () => {
  const pixels = ALL.slice(0, ROWS * COLS - 3);
  for (const strategy of ["mixed", "space", "random", "grid"] as const) {
    assertEquals(
      advise(inputFor(pixels, { strategy })).points.map(({ pixel }) => pixel).sort(),
      [...ALL.slice(-3)].sort(),
    );
  }
});

Deno.test("the surrogate predicts unmeasured spectra, is sure where it measured, and its band holds what it says", () => {
  const order = createRandom(8).shuffle(ALL.slice());
  const [known, rest] = [order.slice(0, 150), order.slice(150)];
  const model = fitSurrogate(features, measuredAt(known), 1);
  const target = measuredAt(rest).values_NO;
  const mean = model.mean(rest), deviation = model.deviation(rest);
  const average = target.reduce((sum, value) => sum + value / target.length, 0);
  let [squares, total, inside] = [0, 0, 0];
  target.forEach((value, at) => {
    squares += (value - mean[at]) ** 2;
    total += (value - average) ** 2;
    if (Math.abs(value - mean[at]) < 1.645 * model.scale * deviation[Math.floor(at / 32)]) inside++;
  });
  assert(1 - squares / total > 0.8, `r2 ${1 - squares / total}`);
  assert(inside / target.length > 0.8, `coverage ${inside / target.length}`);
  const there = model.deviation(known), elsewhere = model.deviation(rest);
  assert(Math.max(...there) < Math.max(...elsewhere));
});

Deno.test("new points are predicted before they are learned from", () => {
  const pixels = createRandom(4).shuffle(ALL.slice()).slice(0, 80);
  const { before } = advise(inputFor(pixels, { learned: 64 }));
  assertEquals(before!.points, 16);
  assert(
    before!.r2! > 0.5 && before!.r2! <= 1 && before!.coverage > 0.5 && before!.coverage <= 1,
    JSON.stringify(before),
  );
  assertEquals(advise(inputFor(pixels, { learned: 0 })).before, undefined);
});

Deno.test("a target is found with fewer points than by chance", () => {
  const goal = { parameter: "step:5", goal: "max" } as const;
  const values = targetValues({ target: goal, axis, measured: measuredAt(ALL) });
  const threshold = values.toSorted().at(-7)!; // the best 1 %
  const needed = (strategy: "target" | "random", seed: number) => {
    let pixels = createRandom(seed).shuffle(ALL.slice()).slice(0, 16);
    while (!pixels.some((pixel) => values[pixel] >= threshold)) {
      const { points } = advise(inputFor(pixels, { strategy, target: goal, count: 8, seed }));
      pixels = Int32Array.from([...pixels, ...points.map(({ pixel }) => pixel)]);
    }
    return pixels.length;
  };
  const mean = (strategy: "target" | "random") => [1, 2, 3].reduce((sum, seed) => sum + needed(strategy, seed) / 3, 0);
  assert(mean("target") < 0.7 * mean("random"), `${mean("target")} against ${mean("random")}`);
});

Deno.test("a target that the spectra cannot have is refused", async () => {
  const measured = measuredAt(ALL.slice(0, 10));
  const refused = (parameter: string, over = axis) =>
    assertFailsWith(
      "target_impossible",
      () => targetValues({ target: { parameter, goal: "min" }, axis: over, measured }),
    );
  await refused("step:32");
  await refused("beauty");
  await refused("area", Array.from({ length: 32 }, (_, i) => i));
  await assertFailsWith("target_missing", () => targetValues({ target: undefined, axis, measured }));
});
