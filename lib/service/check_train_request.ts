import { missing, unprocessable } from "../base/errors.ts";
import { preparationOf } from "../cube/repeat_preparation.ts";
import { splitPixels } from "../cube/split.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import { trainedCubes, type TrainRequest } from "../schemas/job.ts";
import type { ModelManifest } from "../schemas/model.ts";
import { alignCubes } from "../training/training_cubes.ts";
import { checkValidation } from "../training/validation_trainings.ts";
import { hollowCube } from "./hollow_cube.ts";
import { networkOptionsOf } from "../training/network_options.ts";
import { calibrationRegion } from "../training/calibration_region.ts";
import { holdsOut } from "../training/training_data.ts";
import { seenRegions } from "../training/evaluation/seen_regions.ts";

/** What one training job may hold: its patches and spectra, and the activations of one mini-batch. */
const MAX_TRAINING_BYTES = 2 ** 31;
/** Activations kept per filter and pixel for the backward pass, roughly: every stage of encoder and decoder once. */
const STAGES = 10;

/**
 * Refuses at once what would fail later: a window or region that does not fit, an image channel that is not there, a
 * model to start from that has another shape, more memory than a job may have.
 */
export function checkTrainRequest(
  request: TrainRequest,
  records: readonly CubeRecord[],
  from: ModelManifest | undefined,
): void {
  checkValidation(request, records.length);
  checkDistinct(records);
  const hollow = records.map((record) => ({ cube: hollowCube(record), cubeName: record.name }));
  const points = alignCubes(hollow)[0].cube.shape[2];
  const network = networkOptionsOf(request, points);
  buildNetwork(network);
  if (network.recipe === "robust") checkRank(request, points);
  if (request.map !== undefined && request.imageAt !== undefined) {
    throw unprocessable("image_twice", "Received imageAt and map for the image side; expected one of them");
  }
  const regions = trainedCubes(request).map(({ region }) => region);
  const pixels = records.map((cube, k) => checkSplit({ ...request, region: regions[k] }, cube, from));
  if (from) checkSameNetwork(from, network);
  checkMemory(request, points, pixels.reduce((sum, count) => sum + count, 0));
}

/** How many pixels of a cube are trained and tested on. */
function checkSplit(request: TrainRequest, cube: CubeRecord, from: ModelManifest | undefined): number {
  const { window, map } = request;
  const seen = from
    ? seenRegions(from, { ...cube, cubeSha256: cube.sha256, preparation: preparationOf(cube.provenance) }, window)
    : [];
  const split = splitPixels(cube.shape, window, request.region, seen);
  if (holdsOut(request)) {
    const [rows, cols] = cube.shape;
    splitPixels(cube.shape, window, calibrationRegion(split, rows, cols, window).train, seen);
  }
  if (map !== undefined && !cube.maps.some(({ name }) => name === map)) {
    const names = cube.maps.map(({ name }) => name).join(", ") || "none";
    throw missing("map_missing", `Cube ${cube.id} has no map ${map}, it has ${names}`);
  }
  return split.train.length + split.test.length;
}

/** The same pixels twice would be trained on in one place and tested on in the other. */
function checkDistinct(cubes: readonly CubeRecord[]): void {
  cubes.forEach((cube, k) => {
    const before = cubes.slice(0, k).find(({ sha256, dataset }) => sha256 === cube.sha256 && dataset === cube.dataset);
    if (!before) return;
    throw unprocessable(
      "cube_twice",
      `Cubes ${before.id} and ${cube.id} are the same data; expected cubes of different areas`,
    );
  });
}

function checkSameNetwork(from: ModelManifest, wanted: ModelManifest["network"]): void {
  const names = ["recipe", "direction", "window", "points", "latent", "filters"] as const;
  const differing = names.filter((name) => from.network[name] !== wanted[name]);
  if (differing.length === 0) return;
  const shown = (network: ModelManifest["network"], name: typeof names[number]) => network[name] ?? "published";
  const detail = differing.map((name) => `${name} ${shown(wanted, name)}, the model has ${shown(from.network, name)}`)
    .join("; ");
  throw unprocessable(
    "model_mismatch",
    `Training from ${from.name}@${from.version} expects the model's own shape; received ${detail}`,
  );
}

/** The linear path has no more components than the smaller of patch and spectrum has values. */
function checkRank({ latent, window }: TrainRequest, points: number): void {
  const most = Math.min(points, window * window);
  if (latent <= most) return;
  throw unprocessable(
    "latent_too_large",
    `Latent is ${latent}; expected at most ${most}, the smaller of the patch's ${window * window} pixels and the ` +
      `spectrum's ${points} steps, for the recipe robust`,
  );
}

function checkMemory({ window, filters, batchSize }: TrainRequest, points: number, pixels: number): void {
  const largest = Math.max(window * window, points);
  const bytes = 4 * (pixels * (window * window + points) + batchSize * largest * filters * STAGES);
  if (bytes <= MAX_TRAINING_BYTES) return;
  const detail =
    `${pixels} pixels with window ${window}, ${points} steps, ${filters} filters and batch size ${batchSize} ` +
    `need about ${Math.round(bytes / 2 ** 20)} MiB; expected at most ${MAX_TRAINING_BYTES / 2 ** 20} MiB`;
  throw unprocessable("training_too_large", detail);
}
