import { DEFAULT_FORMAT_LIMITS, type FormatLimits } from "../../formats/cube_source.ts";
import { chooseImage } from "../../formats/image_channels.ts";
import { openSource } from "../../formats/registry.ts";
import type { ImageChannel } from "../../cube/cube.ts";
import { indexAxis } from "../../formats/axes.ts";
import { createCubeFile } from "../../store/cube_files/cube_file.ts";

export interface IngestMapTask {
  file: string;
  /** An empty folder that takes a cube of one step with this one image channel. */
  folder: string;
  map: { name?: string; dataset?: string; rows: number; cols: number };
}

/** Reads one image of the wanted grid from an uploaded file. Throws what the readers throw, and `grid_mismatch`. */
export async function ingestMap(task: IngestMapTask, limits: FormatLimits = DEFAULT_FORMAT_LIMITS): Promise<void> {
  const { dataset, rows, cols } = task.map;
  const image = await readImage(task, limits);
  const writer = createCubeFile(task.folder, [rows, cols, 1]);
  try {
    writer.writeRows(0, image.values_HW);
    writer.addImage(image);
    const axes = { row: indexAxis("row", rows), col: indexAxis("col", cols), spectral: indexAxis("step", 1) };
    const { quantity, unit } = image;
    const health = { nan: 0, outliers: 0, failedPixels: 0, repaired: 0 };
    const lists = { choices: [], maps: [], notes: [], provenance: [] };
    writer.finish({
      format: "map",
      dataset: dataset ?? "",
      shape: [rows, cols, 1],
      axes,
      quantity,
      unit,
      health,
      ...lists,
    });
  } finally {
    writer.close();
  }
}

async function readImage({ file, map }: IngestMapTask, limits: FormatLimits): Promise<ImageChannel> {
  const source = await openSource(file, limits);
  try {
    return chooseImage(source.images, { name: map.name, dataset: map.dataset, grid: [map.rows, map.cols] });
  } finally {
    source.close();
  }
}
