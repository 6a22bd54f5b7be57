import { unprocessable } from "../base/errors.ts";
import type { CubeReader, ImageChannel } from "./cube.ts";
import { nearestStep } from "./nearest_step.ts";
import { repairMap } from "./repair.ts";

/** Which image the patches are cut from: the map at a spectral value, or a separate channel by name. */
export type ImageChoice = { imageAt: number } | { map: string };

export interface ImageSide {
  /** rows x cols, finite. */
  image_HW: Float32Array;
  choice: ImageChoice;
  /** The spectral step the image is, absent for a separate channel. */
  index?: number;
}

/**
 * The image side of a cube: the map nearest to `imageAt` (default 0), or the channel `map`, whose missing values are filled
 * from their neighbours. Throws `map_not_there` with the names there are, and `image_empty` when nothing is finite.
 */
export function imageSide(cube: CubeReader, wanted: { imageAt?: number; map?: string }): ImageSide {
  const [rows, cols] = cube.shape;
  if (wanted.map === undefined) {
    const imageAt = wanted.imageAt ?? 0;
    const index = nearestStep(cube.axes.spectral.values, imageAt);
    return { image_HW: cube.readMap(index), choice: { imageAt }, index };
  }
  const channel = cube.readImage(wanted.map);
  const image_HW = channelImage(wanted.map, { rows, cols, channel, names: cube.imageNames });
  return { image_HW, choice: { map: wanted.map } };
}

interface FoundChannel {
  rows: number;
  cols: number;
  /** Undefined where the cube has no such channel. */
  channel: ImageChannel | undefined;
  /** Channels that the cube has. */
  names: readonly string[];
}

/** Values of an image channel, missing ones filled from their neighbours. Throws as `imageSide`. */
export function channelImage(name: string, { rows, cols, channel, names }: FoundChannel): Float32Array {
  if (!channel) {
    const known = names.length > 0 ? names.join(", ") : "none";
    throw unprocessable("map_not_there", `The cube has no image channel ${name}; there are: ${known}`);
  }
  const { values_HW, nan } = repairMap(channel.values_HW, rows, cols, { mode: "off" });
  if (nan === values_HW.length) {
    throw unprocessable("image_empty", `Image channel ${name} has no finite value in ${nan} pixels`);
  }
  return values_HW;
}
