import type { CubeReader } from "../../cube/cube.ts";
import { PIXEL_LABEL, splitPixels } from "../../cube/split.ts";
import type { ModelManifest } from "../../schemas/model.ts";

/** Whether the model has seen this cube in training; another cube of the same file may be of another size. */
export function isTrainingCube({ training }: ModelManifest, cubeSha256: string, { shape }: CubeReader): boolean {
  const [rows, cols] = training?.shape ?? shape;
  return training?.cubeSha256 === cubeSha256 && rows === shape[0] && cols === shape[1];
}

/**
 * What each pixel of the cube was for in training (PIXEL_LABEL): of another cube, or for a model of unknown training,
 * every pixel with a whole patch is for testing.
 */
export function partLabels(cube: CubeReader, manifest: ModelManifest, cubeSha256: string): Uint8Array {
  const { window } = manifest.network;
  const [rows, cols] = cube.shape;
  if (isTrainingCube(manifest, cubeSha256, cube)) {
    const { region, seen } = manifest.training!;
    return splitPixels(cube.shape, window, region, seen).label_HW;
  }
  const half = window / 2;
  return Uint8Array.from({ length: rows * cols }, (_, pixel) => {
    const row = Math.floor(pixel / cols), col = pixel % cols;
    const whole = row >= half && row <= rows - half && col >= half && col <= cols - half;
    return whole ? PIXEL_LABEL.test : PIXEL_LABEL.outside;
  });
}
