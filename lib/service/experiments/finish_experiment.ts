import { bytesSource, joinSources } from "../../base/byte_source.ts";
import { ndArray } from "../../base/nd_array.ts";
import { npyHead, npyPieces } from "../../formats/numpy/npy.ts";
import { writeZip } from "../../formats/zip/write_zip.ts";
import { trainRequestSchema } from "../../schemas/job.ts";
import { withRecipeDefaults } from "../../schemas/recipe.ts";
import type { StoredExperiment } from "../../store/ports/experiment_store.ts";
import type { Store } from "../../store/ports/store.ts";
import { measuredValues } from "./measured_values.ts";
import type { Caller, CubeService, JobService } from "../services.ts";

export interface FinishOptions {
  store: Pick<Store, "experiments">;
  cubes: CubeService;
  jobs: JobService;
  caller: Caller;
  /** Name of a model to train on the cube. */
  saveAs?: string;
}

/** Makes a cube of what was measured and, with `saveAs`, submits a training on it. */
export async function finishExperiment(
  record: StoredExperiment,
  options: FinishOptions,
): Promise<{ cube: string; job?: string }> {
  const cube = await finishedCube(record, options);
  const { saveAs } = options;
  return { cube, job: saveAs === undefined ? undefined : await trainOn(cube, saveAs, record, options) };
}

/** The rest is NaN, which reading marks in the mask. The image comes along as a channel. */
async function finishedCube(record: StoredExperiment, { store, cubes, caller }: FinishOptions): Promise<string> {
  const { shape: [rows, cols], axis, quantity, unit, pixel, name } = record;
  const measured = await store.experiments.points(record.id);
  const points = measured.values_NS.length / measured.pixels.length;
  const head = bytesSource(npyHead({ dtype: "float32", shape: [rows, cols, points] }));
  const image = ndArray(await store.experiments.image(record.id), [rows, cols]);
  const file = writeZip({
    "measured.npy": joinSources([head, measuredValues(measured, rows, cols)]),
    "image.npy": joinSources(npyPieces(image).map(bytesSource)),
  });
  const body = ReadableStream.from(file.read(0, file.sizeBytes));
  const given = {
    ...(axis ? { axis: { name: axis.name || "step", unit: axis.unit, values: axis.values } } : {}),
    ...(quantity ? { quantity } : {}),
    ...(unit ? { unit } : {}),
    ...(pixel ? { pixel } : {}),
  };
  const { cube } = await cubes.add(body, { name, dataset: "measured", repair: "off", ...given }, caller);
  return cube.id;
}

async function trainOn(
  cube: string,
  saveAs: string,
  { window, latent, seed }: StoredExperiment,
  { jobs, caller }: FinishOptions,
): Promise<string> {
  const network = { direction: "im2spec", recipe: "robust", window, latent, seed };
  const body = { kind: "train", cube, map: "image", saveAs, ...network };
  const request = trainRequestSchema.parse(withRecipeDefaults(body));
  return (await jobs.submit(request, { ...caller, idempotencyKey: undefined })).id;
}
