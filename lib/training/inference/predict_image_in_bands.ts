import { joinFloats } from "../../base/join_floats.ts";
import { createPause } from "../pause.ts";
import { type OpenModel, type PhysicalImagePrediction, predictImagePhysical, predictionWarnings } from "./predict.ts";

export interface Image {
  image_HW: Float32Array;
  rows: number;
  cols: number;
}

/** Positions predicted at once, about; rows of them in steps in which neighbours share their work. */
const BAND_POSITIONS = 4096;
const BAND_ROWS = 16;

/**
 * As `predictImagePhysical`, some rows at a time, so that others have their turn in between and the work ends when the
 * signal fires (`cancelled`).
 */
export async function predictImageInBands(
  model: OpenModel,
  { image_HW, rows, cols }: Image,
  signal: AbortSignal,
): Promise<PhysicalImagePrediction> {
  const { manifest } = model.loaded;
  const { window } = manifest.network;
  const gridRows = rows - window + 1, gridCols = cols - window + 1;
  const bandRows = BAND_ROWS * Math.max(1, Math.floor(BAND_POSITIONS / BAND_ROWS / Math.max(1, gridCols)));
  if (gridRows <= bandRows) return await predictImagePhysical(model, image_HW, rows, cols);
  const pause = createPause(signal, () => performance.now(), 0);
  const bands: PhysicalImagePrediction[] = [];
  for (let row = 0; row < gridRows; row += bandRows) {
    await pause();
    const height = Math.min(bandRows, gridRows - row) + window - 1;
    bands.push(await predictImagePhysical(model, image_HW.subarray(row * cols, (row + height) * cols), height, cols));
  }
  const latent_HWL = joinFloats(bands.map((band) => band.latent_HWL));
  return {
    ...bands[0],
    rows: gridRows,
    latent_HWL,
    output_HWS: joinFloats(bands.map((band) => band.output_HWS)),
    ...(bands[0].spread_HWS ? { spread_HWS: joinFloats(bands.map((band) => band.spread_HWS!)) } : {}),
    warnings: predictionWarnings(manifest, image_HW, latent_HWL),
  };
}
