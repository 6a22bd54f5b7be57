import type { Region } from "../../cube/cube.ts";
import { pixelShift } from "../../cube/repeat_preparation.ts";
import { type Distance, distanceFrom, labelPixels } from "../../cube/split.ts";
import { manifestForCube } from "./manifest_for_cube.ts";
import type { ModelManifest } from "../../schemas/model.ts";
import type { Preparation } from "../../schemas/preparation.ts";

/** A cube by its bytes, its size and how it was prepared. */
export interface TrainingSource {
  cubeSha256: string;
  shape: readonly [number, number, number];
  preparation?: readonly Preparation[];
}

type Trained = Pick<ModelManifest, "training" | "preparation">;

/**
 * Where a cube's first pixel lies on the cube that a model was trained on, and whether the two have the same pixels.
 * Undefined for another cube: other bytes, or, uncropped, another size (a file can hold several cubes).
 */
export function placeOnTrained(
  manifest: Trained,
  source: TrainingSource,
): { row: number; col: number; whole: boolean } | undefined {
  const { training, preparation } = manifestForCube(manifest, source);
  if (training?.cubeSha256 !== source.cubeSha256) return undefined;
  const shift = pixelShift(source.preparation, preparation);
  if (!shift) return undefined;
  const [rows, cols] = training.shape ?? source.shape;
  const whole = rows === source.shape[0] && cols === source.shape[1] && shift.row === 0 && shift.col === 0;
  const isCropped = [source.preparation, preparation].some((steps) => steps?.some(({ step }) => step === "crop"));
  return whole || isCropped ? { ...shift, whole } : undefined;
}

/**
 * Where on this cube a model, and those that it continues from, have been trained: pixels that can no longer test what is
 * trained from it. On a crop, with the guard band around them, since what they were trained on may lie outside.
 */
export function seenRegions(from: Trained, source: TrainingSource, window: number): Region[] {
  const place = placeOnTrained(from, source);
  if (!place) return [];
  const { region, seen = [] } = manifestForCube(from, source).training!;
  if (place.whole) return [...seen, region];
  const [rows, cols] = source.shape;
  return [...seen, region].flatMap((trained) => {
    const [top, left] = [trained.row - place.row - window + 1, trained.col - place.col - window + 1].map(Math.floor);
    const [row, col] = [Math.max(0, top), Math.max(0, left)];
    const part = {
      row,
      col,
      rows: Math.min(rows, top + trained.rows + 2 * window) - row,
      cols: Math.min(cols, left + trained.cols + 2 * window) - col,
    };
    return part.rows > 0 && part.cols > 0 ? [part] : [];
  });
}

/**
 * What each pixel of a cube was for in a model's training (PIXEL_LABEL), a crop of the training cube included: as
 * `splitPixels` has it, but without its demand for enough pixels of each kind.
 */
export function trainedLabels(manifest: Trained, source: TrainingSource, window: number): Uint8Array {
  const place = placeOnTrained(manifest, source);
  const { region, seen = [], shape = source.shape } = manifestForCube(manifest, source).training ?? {};
  if (!place || !region) return labelPixels(source.shape, window, { toTrain: () => Infinity, toSeen: [] });
  const from = (trained: Region): Distance => {
    const distance = distanceFrom(trained, shape[0], shape[1], window);
    return (row, col) => distance(row + place.row, col + place.col);
  };
  return labelPixels(source.shape, window, { toTrain: from(region), toSeen: seen.map(from) });
}
