import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { positionsOf, toMaps } from "./map_pixels.ts";
import { modelOf, type ResultInput } from "./result_input.ts";

/** `{positions, latents, maps}`: rows x cols x latent of the positions, and latent x rows x cols of the cube. */
export function latentsResult(input: ResultInput): Promise<ResultTree> {
  const { prediction, manifest } = modelOf(input);
  const { rows, cols, latent_HWL } = prediction;
  const { latent } = manifest.network;
  return Promise.resolve({
    positions: positionsOf(prediction),
    latents: ndArray(latent_HWL, [rows, cols, latent]),
    maps: toMaps(input.cube, prediction, latent_HWL, latent),
  });
}
