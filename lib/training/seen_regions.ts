import type { Region } from "../cube/cube.ts";
import { samePreparation } from "../cube/repeat_preparation.ts";
import type { ModelManifest } from "../schemas/model.ts";
import type { Preparation } from "../schemas/preparation.ts";

/** What a training learns from: a cube by its bytes, its size and how it was prepared. */
export interface TrainingSource {
  cubeSha256: string;
  shape: readonly [number, number, number];
  preparation?: readonly Preparation[];
}

/** Whether a model was trained on this cube: on the same bytes, prepared in the same way, with as many pixels. */
export function isTrainedOn(
  { training, preparation }: Pick<ModelManifest, "training" | "preparation">,
  source: TrainingSource,
): boolean {
  if (training?.cubeSha256 !== source.cubeSha256 || !samePreparation(preparation, source.preparation)) return false;
  const [rows, cols] = training.shape ?? source.shape;
  return rows === source.shape[0] && cols === source.shape[1];
}

/**
 * Where on this cube a model, and those that it continues from, have been trained: pixels that no longer can test what is
 * trained from it.
 */
export function seenRegions(from: Pick<ModelManifest, "training" | "preparation">, source: TrainingSource): Region[] {
  return isTrainedOn(from, source) ? [...from.training!.seen ?? [], from.training!.region] : [];
}
