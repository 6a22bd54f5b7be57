import type { CubeReader } from "../cube/cube.ts";
import { preparationOf, repeatPreparation } from "../cube/repeat_preparation.ts";
import { unprocessable } from "../base/errors.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import type { ModelManifest } from "../schemas/model.ts";
import { checkAxis } from "../training/inference/check_axis.ts";

/** Refuses a model whose spectral axis is not the cube's, or whose window does not fit the map. */
export function checkModelFitsCube(manifest: ModelManifest, cube: CubeRecord): void {
  const met = preparationOf(cube.provenance);
  const prepared = repeatPreparation(hollowCube(cube), met, manifest.preparation);
  const [rows, cols] = prepared.shape;
  const { window } = manifest.network;
  checkAxis(manifest, prepared);
  if (window > Math.min(rows, cols)) {
    throw unprocessable(
      "window_too_large",
      `The model's window is ${window}, the map is only ${rows} x ${cols} pixels`,
    );
  }
  const { image } = manifest;
  if (image && "map" in image && !cube.maps.some(({ name }) => name === image.map)) {
    const names = cube.maps.map(({ name }) => name).join(", ") || "none";
    throw unprocessable("map_missing", `The model reads the map ${image.map}, the cube has ${names}`);
  }
}

/** A record's shape and axes without its values: what preparation steps make of them can be asked at once. */
function hollowCube({ shape, axes, quantity, unit, maps }: CubeRecord): CubeReader {
  const none = () => {
    throw new TypeError("Only the record of the cube is here");
  };
  const values = { readMap: none, readSpectrum: none, readBlock: none, readMask: none, readImage: none };
  return { shape, axes, quantity, unit, imageNames: maps.map(({ name }) => name), ...values, close() {} };
}
