import type { ImageChannel } from "../cube/cube.ts";
import { attributeText } from "./hdf5_attributes.ts";
import { displayName } from "./display_name.ts";
import { smallNumbers } from "./hdf5_array.ts";
import type { Hdf5Context } from "./hdf5_dialect.ts";
import type { Hdf5Dataset } from "./hdf5_file.ts";

const MOST_IMAGES = 64;

/** Every image of a file with the grid of a cube in it: topography and the like, measured together. */
export function imagesOnGrid(context: Hdf5Context, cubePath: string, grid: readonly [number, number]): ImageChannel[] {
  const images: ImageChannel[] = [];
  for (const dataset of context.tree.datasets) {
    if (images.length >= MOST_IMAGES) break;
    if (dataset.path === cubePath || dataset.isVirtual || !hasGrid(dataset, grid)) continue;
    const numbers = smallNumbers(context.file, dataset);
    if (!numbers) continue;
    const quantity = attributeText(context.file, dataset.path, "quantity") ?? "";
    const unit = attributeText(context.file, dataset.path, "units") ?? "";
    const values_HW = Float32Array.from(numbers);
    const name = uniqueName(displayName(dataset.path.split("/").at(-1) ?? ""), images);
    images.push({ name, quantity: displayName(quantity), unit: displayName(unit), values_HW });
  }
  return images;
}

function hasGrid({ shape, element }: Hdf5Dataset, [rows, cols]: readonly [number, number]): boolean {
  const lengths = shape.filter((length) => length !== 1);
  return element.scalar !== undefined && lengths.length === 2 && lengths[0] === rows && lengths[1] === cols;
}

/** The name, with a number where an image has it already. */
export function uniqueName(name: string, images: readonly { name: string }[]): string {
  const taken = new Set(images.map((image) => image.name));
  let unique = name || "map";
  for (let i = 2; taken.has(unique); i++) unique = `${name || "map"} ${i}`;
  return unique;
}
