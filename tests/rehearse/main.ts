/**
 * What each strategy of an experiment is worth: `deno task rehearse [--seeds 5] [--batch 16] [FILE…]`; without files on simulated
 * films. Points that a strategy needs until the map is predicted with 90 % of the r2 that half of all points give, median and range
 * over the seeds, and as a part of what random points need. Then the points until one of the best 1 % of a parameter is
 * measured, mean of 12 starts.
 */
import { parseArgs } from "node:util";
import type { CubeReader } from "../../lib/cube/cube.ts";
import { gatherSpectra } from "../../lib/cube/gather_spectra.ts";
import { advise, targetValues } from "../../lib/experiments/advise.ts";
import { type PixelFeatures, pixelFeatures } from "../../lib/experiments/pixel_features.ts";
import { r2Of } from "../../lib/experiments/map_comparison.ts";
import { fitSurrogate } from "../../lib/experiments/surrogate.ts";
import { createRandom } from "../../lib/base/random.ts";
import { ingestCube } from "../../lib/jobs/ingest/ingest_cube.ts";
import { ingestOptionsSchema } from "../../lib/schemas/cube.ts";
import type { ExperimentTarget, Strategy } from "../../lib/schemas/experiment.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { imageSide } from "../../lib/cube/image_side.ts";
import { FILMS } from "../quality/films.ts";

const STRATEGIES: Strategy[] = ["random", "grid", "space", "uncertainty", "novelty", "mixed"];
const SHARE = 0.9;
/** More pixels are scored on an even part of them. */
const MOST_SCORED = 1500;
const STARTS = 12, TARGET_BATCH = 8;

interface Map {
  features: PixelFeatures;
  values_MO: Float32Array;
  points: number;
  axis: readonly number[];
  scored: Int32Array;
}

function mapOf(cube: CubeReader): Map {
  const [rows, cols, points] = cube.shape;
  const channel = cube.imageNames.find((name) => /^(image|z|topography)$/i.test(name));
  const { image_HW } = imageSide(cube, channel === undefined ? {} : { map: channel });
  const all = Int32Array.from({ length: rows * cols }, (_, pixel) => pixel);
  const stride = Math.ceil(all.length / MOST_SCORED);
  return {
    features: pixelFeatures(image_HW, rows, cols, 8),
    values_MO: gatherSpectra(cube, all),
    points,
    axis: cube.axes.spectral.values,
    scored: all.filter((pixel) => pixel % stride === 0),
  };
}

function spectraOf({ values_MO, points }: Map, pixels: ArrayLike<number>): Float64Array {
  return Float64Array.from(
    { length: pixels.length * points },
    (_, at) => values_MO[pixels[Math.floor(at / points)] * points + at % points],
  );
}

/** r2 over the scored pixels of a model of these points. */
function scoreOf(map: Map, pixels: Int32Array, seed: number): number {
  const model = fitSurrogate(map.features, { pixels, values_NO: spectraOf(map, pixels) }, seed);
  return r2Of(model, { pixels: map.scored, values_NO: spectraOf(map, map.scored) })!;
}

function pointsNeeded(map: Map, strategy: Strategy, seed: number, batch: number, enough: number): number {
  const limit = map.values_MO.length / map.points / 2;
  let pixels = new Int32Array();
  while (pixels.length < limit) {
    const measured = { pixels, values_NO: spectraOf(map, pixels) };
    const { points } = advise({ ...map, strategy, seed, measured, learned: 0, count: batch });
    pixels = Int32Array.from([...pixels, ...points.map(({ pixel }) => pixel)]);
    if (pixels.length >= 4 * batch && scoreOf(map, pixels, seed) >= enough) break;
  }
  return pixels.length;
}

function rehearse(name: string, cube: CubeReader, { seeds, batch }: { seeds: number; batch: number }): void {
  const map = mapOf(cube);
  const all = Int32Array.from({ length: map.values_MO.length / map.points }, (_, pixel) => pixel);
  const half = createRandom(1).shuffle(all).slice(0, all.length / 2);
  const most = scoreOf(map, half, 1);
  console.log(`\n${name}, ${cube.shape.join(" x ")}: r2 ${most.toFixed(3)} with ${half.length} points`);
  let byChance = NaN;
  for (const strategy of STRATEGIES) {
    const needed = Array.from({ length: seeds }, (_, s) => pointsNeeded(map, strategy, s + 1, batch, SHARE * most))
      .sort((a, b) => a - b);
    const median = needed[needed.length >> 1];
    if (strategy === "random") byChance = median;
    const range = `${needed[0]} to ${needed.at(-1)}`;
    console.log(
      `${strategy.padEnd(12)} ${String(median).padStart(5)} points (${range}), ${
        (median / byChance).toFixed(2)
      } of random's`,
    );
  }
  rehearseTargets(map);
}

/** The end of loops' parameters where the spectra are loops, else the middle step. */
function targetsOf(map: Map): ExperimentTarget[] {
  const targets = ["area", "coercivePositive", "imprint"].map((parameter) => ({ parameter, goal: "max" as const }));
  try {
    wantedValues(map, targets[0]);
    return targets;
  } catch {
    return [{ parameter: `step:${map.points >> 1}`, goal: "max" }];
  }
}

function wantedValues({ axis, values_MO }: Map, target: ExperimentTarget): Float64Array {
  const measured = { pixels: new Int32Array(), values_NO: Float64Array.from(values_MO) };
  return targetValues({ target, axis, measured });
}

/** Points until one of the best 1 % of the pixels that have a value is measured. */
function pointsToBest(map: Map, target: ExperimentTarget, strategy: Strategy, seed: number): number {
  const wanted = wantedValues(map, target);
  const finite = wanted.filter(Number.isFinite).sort();
  const threshold = finite[finite.length - Math.max(1, Math.round(finite.length / 100))];
  let pixels = new Int32Array();
  while (pixels.length < wanted.length) {
    const measured = { pixels, values_NO: spectraOf(map, pixels) };
    const { points } = advise({ ...map, strategy, target, seed, measured, learned: 0, count: TARGET_BATCH });
    pixels = Int32Array.from([...pixels, ...points.map(({ pixel }) => pixel)]);
    const found = pixels.findIndex((pixel) => wanted[pixel] >= threshold);
    if (found >= 0) return found + 1;
  }
  return pixels.length;
}

function rehearseTargets(map: Map): void {
  for (const target of targetsOf(map)) {
    const mean = (strategy: Strategy) => {
      const needed = Array.from({ length: STARTS }, (_, s) => pointsToBest(map, target, strategy, s + 1));
      return needed.reduce((sum, points) => sum + points / STARTS, 0);
    };
    const [aimed, random] = [mean("target"), mean("random")];
    console.log(
      `target ${target.parameter}: ${aimed.toFixed(0)} points, at random ${random.toFixed(0)}: ${
        (aimed / random).toFixed(2)
      }`,
    );
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: "string", default: "5" }, batch: { type: "string", default: "16" } },
});
const options = { seeds: Number(values.seeds), batch: Number(values.batch) };
for (const file of positionals) {
  const folder = await Deno.makeTempDir();
  try {
    await ingestCube({ file, folder, options: ingestOptionsSchema.parse({}) });
    const cube = openCubeFile(folder);
    rehearse(file, cube, options);
    cube.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
if (positionals.length === 0) {
  for (const name of ["sharpWalls", "driftingContrast", "linear"]) rehearse(name, FILMS[name](), options);
}
