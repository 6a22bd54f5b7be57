import type { CubeReader } from "../cube/cube.ts";
import { gatherSpectra } from "../cube/gather_spectra.ts";
import { createRandom } from "../base/random.ts";
import type { Measured } from "./measured.ts";
import type { PixelFeatures } from "./pixel_features.ts";
import { fitSurrogate, type Surrogate } from "./surrogate.ts";

/** More pixels are scored on an even part of them. */
const MOST_SCORED = 500;

export interface MapComparison {
  /** Of the map's spectra around their mean, predicted from the measured points; null where they do not vary. */
  r2: number | null;
  /** The same from as many random points. */
  random: number | null;
}

/** What is known in a rehearsal alone: how well the whole map is predicted, and how well it were from as many random points. */
export function compareOnMap(
  cube: CubeReader,
  { features, count, seed, model }: { features: PixelFeatures; count: number; seed: number; model: Surrogate },
): MapComparison {
  const all = Int32Array.from({ length: features.rows * features.cols }, (_, pixel) => pixel);
  const stride = Math.ceil(all.length / MOST_SCORED);
  const scored = spectraAt(cube, all.filter((pixel) => pixel % stride === 0));
  const random = spectraAt(cube, createRandom(seed).shuffle(all).subarray(0, count));
  return { r2: r2Of(model, scored), random: r2Of(fitSurrogate(features, random, seed), scored) };
}

/** Share of the variance around the mean that a model explains; null where there is none. */
export function r2Of(model: Surrogate, { pixels, values_NO }: Measured): number | null {
  const outputs = values_NO.length / pixels.length;
  const mean = model.mean(pixels);
  const average_O = new Float64Array(outputs);
  values_NO.forEach((value, at) => average_O[at % outputs] += value / pixels.length);
  let [squares, total] = [0, 0];
  values_NO.forEach((value, at) => {
    squares += (value - mean[at]) ** 2;
    total += (value - average_O[at % outputs]) ** 2;
  });
  return total > 0 ? 1 - squares / total : null;
}

/** In the order of the map, in which reading is fastest. */
function spectraAt(cube: CubeReader, pixels: Int32Array): Measured {
  const sorted = pixels.slice().sort();
  return { pixels: sorted, values_NO: Float64Array.from(gatherSpectra(cube, sorted)) };
}
