import { unprocessable } from "../base/errors.ts";
import type { ImageChannel } from "../cube/cube.ts";
import type { StoredImage } from "./cube_source.ts";
import { displayList, displayName } from "./display_name.ts";

const MOST_IMAGES = 64;

/** The images that share a cube's grid, under names of their own: topography and the like, measured together. */
export function imagesOnGrid(images: readonly StoredImage[], grid: readonly [number, number]): ImageChannel[] {
  const channels: ImageChannel[] = [];
  for (const image of images) {
    if (channels.length === MOST_IMAGES) break;
    if (image.rows !== grid[0] || image.cols !== grid[1]) continue;
    channels.push(toChannel(image, uniqueName(lastName(image.dataset), channels)));
  }
  return channels;
}

export interface ImageChoice {
  /** What to call it; default the name it has in the file. */
  name?: string;
  dataset?: string;
  grid: readonly [rows: number, cols: number];
}

/** The image that is named, or the first on the grid. Throws `dataset_missing`, `grid_mismatch`, `no_image`. */
export function chooseImage(images: readonly StoredImage[], { name, dataset, grid }: ImageChoice): ImageChannel {
  const there = displayList(images.map((image) => `${image.dataset || "the array"} (${image.rows} x ${image.cols})`));
  const wanted = `an image of ${grid[0]} x ${grid[1]}, the cube's grid`;
  if (images.length === 0) throw unprocessable("no_image", `The file holds no image; expected ${wanted}`);
  const named = images.filter((image) => dataset === undefined || image.dataset === dataset);
  if (named.length === 0) {
    throw unprocessable("dataset_missing", `The file has no image ${displayName(dataset ?? "")}, it has ${there}`);
  }
  const image = named.find(({ rows, cols }) => rows === grid[0] && cols === grid[1]);
  if (!image) throw unprocessable("grid_mismatch", `Found ${dataset ?? there}; expected ${wanted}`);
  return toChannel(image, displayName(name ?? "") || lastName(image.dataset));
}

function toChannel({ quantity, unit, read }: StoredImage, name: string): ImageChannel {
  return { name, quantity, unit, values_HW: Float32Array.from(read()) };
}

function lastName(dataset: string): string {
  return displayName(dataset.split("/").at(-1) ?? "") || "map";
}

function uniqueName(name: string, channels: readonly ImageChannel[]): string {
  let unique = name;
  for (let i = 2; channels.some((channel) => channel.name === unique); i++) unique = `${name} ${i}`;
  return unique;
}
