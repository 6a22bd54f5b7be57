import type { ModelManifest } from "../../schemas/model.ts";

/** A cube by its bytes and size. */
interface CubeIdentity {
  cubeSha256: string;
  shape: readonly [number, number, number];
}

/**
 * A model of several cubes as it is for one of them: with that cube's scaler, preparation, split and scores. For any other
 * cube, and any other model, the manifest as it is. A file can hold several cubes: where its bytes are the same, that of the
 * same size is meant.
 */
export function manifestForCube<M extends Pick<ModelManifest, "training" | "preparation" | "scores">>(
  manifest: M,
  { cubeSha256, shape }: CubeIdentity,
): M {
  const { training, scores } = manifest;
  const same = [...training?.cubes ?? []].flatMap((cube, k) => cube.cubeSha256 === cubeSha256 ? [{ cube, k }] : []);
  const found = same.find(({ cube }) => cube.shape[0] === shape[0] && cube.shape[1] === shape[1]) ?? same.at(0);
  if (!found) return manifest;
  const { scaler, preparation, ...split } = found.cube;
  const own = scores?.cubes?.[found.k];
  return {
    ...manifest,
    scaler,
    preparation,
    training: { ...training!, seen: undefined, ...split },
    ...(own ? { scores: { test: own.test, baselines: own.baselines, cubes: scores!.cubes } } : {}),
  };
}
