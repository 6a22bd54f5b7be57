/**
 * Held-out r2 of the baselines on four sides of each cube: `deno task quality [--window 8] [--direction im2spec] [FILE…]`; without files, on
 * simulated films. Each side in turn: trained on the left, right, upper or lower 72 %, tested beyond a guard band of window - 1 pixels.
 */
import { parseArgs } from "node:util";
import type { CubeReader, Region } from "../../lib/cube/cube.ts";
import { ingestCube } from "../../lib/jobs/ingest/ingest_cube.ts";
import { ingestOptionsSchema } from "../../lib/schemas/cube.ts";
import { type Direction, directionSchema, trainRequestSchema } from "../../lib/schemas/job.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { predictBaselines } from "../../lib/training/baselines/baselines.ts";
import { blockSums, scoreOf } from "../../lib/training/evaluation/block_scores.ts";
import { buildTrainingData } from "../../lib/training/training_data.ts";
import { FILMS } from "./films.ts";

const SHARE = 0.72;

function sidesOf([rows, cols]: readonly number[]): Record<string, Region> {
  const [wide, high] = [Math.floor(SHARE * cols), Math.floor(SHARE * rows)];
  return {
    left: { row: 0, col: 0, rows, cols: wide },
    right: { row: 0, col: cols - wide, rows, cols: wide },
    upper: { row: 0, col: 0, rows: high, cols },
    lower: { row: rows - high, col: 0, rows: high, cols },
  };
}

async function scoreSide(
  cube: CubeReader,
  region: Region,
  { direction, window }: Options,
): Promise<Record<string, number>> {
  const map = cube.imageNames.includes("image") ? { map: "image" } : {};
  const request = trainRequestSchema.parse({
    ...{ kind: "train", cube: "quality", saveAs: "quality", direction, window, region },
    ...map,
  });
  const { train, test } = buildTrainingData(cube, request);
  const predictions: Record<string, Float32Array> = {
    ...await predictBaselines(train, test, { cols: cube.shape[1], window, pause: () => Promise.resolve() }),
  };
  const { kernelRidge, trees } = predictions;
  predictions["kernelRidge + trees"] = kernelRidge.map((value, i) => (value + trees[i]) / 2);
  const r2 = (predicted_NO: Float32Array) =>
    scoreOf(blockSums({ ...test, predicted_NO }, cube.shape[1], window)).r2 ?? NaN;
  return Object.fromEntries(Object.entries(predictions).map(([name, predicted]) => [name, r2(predicted)]));
}

interface Options {
  direction: Direction;
  window: number;
}

async function printTable(name: string, cube: CubeReader, options: Options): Promise<void> {
  console.log(`\n${name}, ${cube.shape.join(" x ")}, ${options.direction}, window ${options.window}`);
  const rows = new Map<string, number[]>();
  const sides = sidesOf(cube.shape);
  for (const region of Object.values(sides)) {
    for (const [method, r2] of Object.entries(await scoreSide(cube, region, options))) {
      rows.set(method, [...rows.get(method) ?? [], r2]);
    }
  }
  console.log(["held-out r2", ...Object.keys(sides), "mean"].map((text) => text.padStart(20)).join(""));
  for (const [method, r2] of rows) {
    const mean = r2.reduce((sum, value) => sum + value / r2.length, 0);
    console.log(method.padStart(20) + [...r2, mean].map((value) => value.toFixed(3).padStart(20)).join(""));
  }
}

async function printFile(file: string, options: Options): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await ingestCube({ file, folder, options: ingestOptionsSchema.parse({}) });
    const cube = openCubeFile(folder);
    try {
      await printTable(file, cube, options);
    } finally {
      cube.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { window: { type: "string", default: "8" }, direction: { type: "string", default: "im2spec" } },
});
const options = { window: Number(values.window), direction: directionSchema.parse(values.direction) };
for (const file of positionals) await printFile(file, options);
if (positionals.length === 0) {
  for (const [name, film] of Object.entries(FILMS)) await printTable(name, film(), options);
}
