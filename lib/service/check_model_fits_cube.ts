import { preparationOf, repeatPreparation } from "../cube/repeat_preparation.ts";
import { unprocessable } from "../base/errors.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import type { ModelManifest } from "../schemas/model.ts";
import { manifestForCube } from "../training/evaluation/manifest_for_cube.ts";
import { checkAxis } from "../training/inference/check_axis.ts";
import { hollowCube } from "./hollow_cube.ts";

/** Refuses a model whose spectral axis is not the cube's, or whose window does not fit the map. */
export function checkModelFitsCube(manifest: ModelManifest, cube: CubeRecord): void {
  const met = preparationOf(cube.provenance);
  const { preparation } = manifestForCube(manifest, { cubeSha256: cube.sha256, shape: cube.shape });
  const prepared = repeatPreparation(hollowCube(cube), met, preparation);
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
