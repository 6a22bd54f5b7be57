import { unprocessable } from "../../base/errors.ts";
import type { CubeHealth, IngestedCube } from "../../cube/cube.ts";
import { failedPixels } from "../../cube/failed_pixels.ts";
import { type CubeSource, type CubeView, DEFAULT_FORMAT_LIMITS, type FormatLimits } from "../../formats/cube_source.ts";
import { openSource } from "../../formats/registry.ts";
import type { IngestOptions } from "../../schemas/cube.ts";
import { createCubeFile } from "../../store/cube_files/cube_file.ts";
import type { CubeFileWriter } from "../../store/cube_files/cube_file_writer.ts";
import { applyGiven } from "./apply_given.ts";
import { repairCubeFile } from "./repair_cube_file.ts";
import { writePreparedCube } from "./write_prepared_cube.ts";

export interface IngestTask {
  /** The uploaded file. */
  file: string;
  /** An empty folder that takes the cube. */
  folder: string;
  options: IngestOptions;
  /** Told after every part of the work. */
  onProgress?: () => void;
}

const MOST_CHOICES = 100;
const MOST_LISTED_PIXELS = 200;
const COUNTS = /\bcounts?\b/i;
const COUNTS_KEPT = "Values are counts: outliers are kept as measured; repair=robust replaces them";

/**
 * Reads an uploaded file into a cube on disk, a slab of rows at a time: values as float32, repaired with the mask
 * kept, image channels, then `cube.json`. Throws what the readers throw, and `no_values` where nothing is finite.
 */
export async function ingestCube(
  task: IngestTask,
  limits: FormatLimits = DEFAULT_FORMAT_LIMITS,
): Promise<IngestedCube> {
  const { prepare = [], ...options } = task.options;
  if (prepare.length === 0) return await readCube({ ...task, options }, limits);
  const raw = `${task.folder}/raw`;
  Deno.mkdirSync(raw);
  try {
    await readCube({ ...task, folder: raw, options }, limits);
    return writePreparedCube(raw, task.folder, prepare);
  } finally {
    Deno.removeSync(raw, { recursive: true });
  }
}

async function readCube(
  { file, folder, options, onProgress = () => {} }: IngestTask,
  limits: FormatLimits,
): Promise<IngestedCube> {
  const source = await openSource(file, limits);
  try {
    const { dataset, channel, repair, complex } = options;
    const view = applyGiven(source.open({ dataset, channel, complex }), options);
    onProgress();
    return writeCube(source, view, { folder, repair, onProgress });
  } finally {
    source.close();
  }
}

interface WriteOptions {
  folder: string;
  repair?: "robust" | "off";
  onProgress: () => void;
}

function writeCube(source: CubeSource, view: CubeView, { folder, repair, onProgress }: WriteOptions): IngestedCube {
  const writer = createCubeFile(folder, view.shape);
  try {
    const written = writeValues(view, writer, { dropFailed: repair !== "off", onProgress });
    const { failedValues, unusable } = written;
    const keepsCounts = repair === undefined && (written.areCounts || isNamedCounts(view));
    const mode = keepsCounts ? "off" : repair ?? "robust";
    const repaired = repairCubeFile(writer, view.shape, { mode, onProgress });
    const failed = failedPixels(repaired.repaired_HW, view.shape[2]);
    for (const image of view.maps()) writer.addImage(image);
    const health = {
      nan: repaired.nan - failedValues,
      outliers: repaired.outliers + failedValues,
      failedPixels: failed.length,
      repaired: repaired.nan + repaired.outliers,
    };
    const cube = describe(source, view, health, { failed, unusable });
    if (keepsCounts) cube.notes.push(COUNTS_KEPT);
    writer.finish(cube);
    writer.close();
    return cube;
  } catch (error) {
    writer.discard();
    throw error;
  }
}

/** In counts a bright value is an event, not a fault. */
function isNamedCounts({ quantity, unit }: CubeView): boolean {
  return COUNTS.test(quantity) || COUNTS.test(unit);
}

/**
 * Copies all values; those that the file marks as failed become NaN. Returns their number, the pixels without any
 * other, and whether all finite values are non-negative integers.
 */
function writeValues(
  view: CubeView,
  writer: CubeFileWriter,
  { dropFailed, onProgress }: { dropFailed: boolean; onProgress: () => void },
) {
  const [rows, cols, points] = view.shape;
  const unusable: number[] = [];
  let failedValues = 0;
  let finite = 0;
  let areCounts = true;
  for (let row = 0; row < rows; row += view.slabRows) {
    const count = Math.min(view.slabRows, rows - row);
    const block = view.readRows(row, count);
    const failed = dropFailed ? view.readFailed?.(row, count) : undefined;
    for (let pixel = 0, i = 0; pixel < count * cols; pixel++) {
      let usable = 0;
      for (const end = i + points; i < end; i++) {
        if (!Number.isFinite(Math.fround(block[i]))) continue;
        finite++;
        areCounts &&= block[i] >= 0 && Number.isInteger(block[i]);
        if (failed?.[i]) block[i] = NaN, failedValues++;
        else usable++;
      }
      if (usable === 0) unusable.push(row * cols + pixel);
    }
    writer.writeRows(row, block);
    onProgress();
  }
  if (finite > failedValues) return { failedValues, unusable, areCounts };
  const met = `Of ${
    rows * cols * points
  } values, ${finite} are finite numbers and ${failedValues} of those failed fits`;
  throw unprocessable("no_values", `${met}; expected a cube with values to learn from`);
}

interface FailedPixels {
  /** More than half of the spectrum was replaced, … */
  failed: number[];
  /** … and those among them without one usable value in the file. */
  unusable: number[];
}

function describe(source: CubeSource, view: CubeView, health: CubeHealth, pixels: FailedPixels): IngestedCube {
  const { format, dataset, shape, axes, quantity, unit } = view;
  const notes = [...view.notes];
  const { failed, unusable } = pixels;
  if (unusable.length > 0) notes.push(`Pixels without a usable value (row, column): ${listPixels(unusable, shape[1])}`);
  if (failed.length > 0) {
    notes.push(`Failed pixels (row, column), filled from their neighbours: ${listPixels(failed, shape[1])}`);
  }
  const choices = source.candidates.filter((candidate) => candidate.dataset !== dataset).slice(0, MOST_CHOICES)
    .map(({ dataset, shape, quantity, reason }) => ({
      ...{ dataset, shape: [...shape], quantity },
      ...reason ? { reason } : {},
    }));
  const warnings = view.warnings?.length ? { warnings: [...view.warnings] } : {};
  const read = {
    format,
    dataset,
    shape: [...shape] as [number, number, number],
    axes,
    quantity,
    unit,
    health,
    choices,
  };
  return { ...read, maps: [], notes, ...warnings, provenance: [] };
}

function listPixels(pixels: number[], cols: number): string {
  const listed = pixels.slice(0, MOST_LISTED_PIXELS).map((i) => `(${Math.floor(i / cols)}, ${i % cols})`);
  const more = pixels.length > listed.length ? ` and ${pixels.length - listed.length} more` : "";
  return listed.join(" ") + more;
}
