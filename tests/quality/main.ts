/**
 * Held-out r2 of the recipes and the baselines on four sides of each cube: `deno task quality [--window 8] [--latent 10]
 * [--direction im2spec] [--published] [FILE…]`; without files, on simulated films. Each side in turn: trained on the left, right, upper or
 * lower 72 %, tested beyond a guard band of window - 1 pixels. `consensus` is the average of the robust model, kernel ridge and trees.
 */
import { parseArgs } from "node:util";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import type { CubeReader, Region } from "../../lib/cube/cube.ts";
import { ingestCube } from "../../lib/jobs/ingest/ingest_cube.ts";
import { ingestOptionsSchema } from "../../lib/schemas/cube.ts";
import { type Direction, directionSchema, type TrainRequest, trainRequestSchema } from "../../lib/schemas/job.ts";
import { withRecipeDefaults } from "../../lib/schemas/recipe.ts";
import { openCubeFile } from "../../lib/store/cube_files/cube_file.ts";
import { predictBaselines } from "../../lib/training/baselines/baselines.ts";
import { blockSums, scoreOf } from "../../lib/training/evaluation/block_scores.ts";
import { meanAndSpread } from "../../lib/training/evaluation/ensemble.ts";
import { sideRegions } from "../../lib/training/side_regions.ts";
import { trainModel } from "../../lib/training/train.ts";
import { buildTrainingData } from "../../lib/training/training_data.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { FILMS } from "./films.ts";

const engine = await openWasmEngine();

async function scoreSide(cube: CubeReader, region: Region, options: Options): Promise<Record<string, number>> {
  const { direction, window, latent } = options;
  const requestFor = (recipe: string): TrainRequest => {
    const map = cube.imageNames.includes("image") ? { map: "image" } : {};
    const body = {
      kind: "train",
      cube: "quality",
      saveAs: "quality",
      direction,
      window,
      latent,
      region,
      ...map,
      recipe,
    };
    return trainRequestSchema.parse(withRecipeDefaults(recipe === "robust" ? body : { ...body, epochs: 60 }));
  };
  const request = requestFor("robust");
  const data = buildTrainingData(cube, request);
  const { train, test } = data;
  const pause = () => Promise.resolve();
  const predictions: Record<string, Float32Array> = {
    ...await predictBaselines(train, test, { cols: cube.shape[1], window, pause }),
    robust: await predictedBy(cube, request, test.input_NI),
  };
  const { kernelRidge, trees, robust } = predictions;
  predictions.consensus = robust.map((value, i) => (value + kernelRidge[i] + trees[i]) / 3);
  if (options.published) predictions.published = await predictedBy(cube, requestFor("published"), test.input_NI);
  const r2 = (predicted_NO: Float32Array) =>
    scoreOf(blockSums({ ...test, predicted_NO }, cube.shape[1], window)).r2 ?? NaN;
  return Object.fromEntries(Object.entries(predictions).map(([name, predicted]) => [name, r2(predicted)]));
}

/** Trains as the service does; standardised predictions, the mean of the members. */
async function predictedBy(cube: CubeReader, request: TrainRequest, input_NI: Float32Array): Promise<Float32Array> {
  const training = trainModel({
    ...{ cube, request, engine, cubeSha256: "", cubeName: "quality" },
    signal: new AbortController().signal,
    nowMs: () => performance.now(),
  });
  for (;;) {
    const next = await training.next();
    if (!next.done) continue;
    const { state, members, manifest } = next.value;
    const outputs: Float32Array[] = [];
    for (const each of [state, ...members]) {
      const session = await engine.open(buildNetwork(manifest.network), each);
      outputs.push((await session.predict(input_NI)).output_NO);
      await session.close();
    }
    return meanAndSpread(outputs).mean;
  }
}

interface Options {
  direction: Direction;
  window: number;
  latent: number;
  published: boolean;
}

async function printTable(name: string, cube: CubeReader, options: Options): Promise<void> {
  console.log(`\n${name}, ${cube.shape.join(" x ")}, ${options.direction}, window ${options.window}`);
  const rows = new Map<string, number[]>();
  const sides = sideRegions(cube.shape);
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
  options: {
    window: { type: "string", default: "8" },
    latent: { type: "string", default: "10" },
    direction: { type: "string", default: "im2spec" },
    published: { type: "boolean", default: false },
  },
});
const options = {
  window: Number(values.window),
  latent: Number(values.latent),
  direction: directionSchema.parse(values.direction),
  published: values.published,
};
for (const file of positionals) await printFile(file, options);
if (positionals.length === 0) {
  for (const [name, film] of Object.entries(FILMS)) await printTable(name, film(), options);
}
await engine.close();
