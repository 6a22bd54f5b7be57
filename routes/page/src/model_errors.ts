import type { Score } from "../../../lib/schemas/model.ts";
import type { App } from "./context.ts";
import type { ModelSource } from "./model_source.ts";
import { type Resource, useResource } from "./resource_cache.ts";

/** Labels of a model's `part` map. */
const TEST = 3;

/** The error maps of a model on a cube, on the cube's grid, and its scores there. */
export interface ModelErrors {
  maps: Map<string, Float32Array>;
  scores: { test?: Score; train?: Score };
}

export function useModelErrors(app: App, model: ModelSource | undefined): Resource<ModelErrors> {
  return useResource(app.cache, model ? `model errors ${model.base}` : null, async (onPending) => {
    const maps = new Map<string, Float32Array>();
    const arrays = await app.api.arrays(`${model!.base}/errors`, { onPending });
    for (const [name, value] of arrays) {
      const grid = name === "metadata" ? undefined : model!.onGrid(value);
      if (grid) maps.set(name, grid);
    }
    const text = new TextDecoder().decode(Uint8Array.from(arrays.get("metadata")?.data ?? []));
    return { maps, scores: JSON.parse(text || "{}").scores ?? {} };
  });
}

/** Mean squared error of both over the pixels that are test pixels of both, and how many these are. */
export function sharedError(one: ModelErrors, other: ModelErrors): { count: number; mse: [number, number] } {
  const [parts, otherParts] = [one.maps.get("part"), other.maps.get("part")];
  const [mse, otherMse] = [one.maps.get("mse"), other.maps.get("mse")];
  let [count, sum, otherSum] = [0, 0, 0];
  for (let i = 0; i < (mse?.length ?? 0); i++) {
    const isShared = parts?.[i] === TEST && otherParts?.[i] === TEST;
    if (!isShared || !Number.isFinite(mse![i] + otherMse![i])) continue;
    count++;
    sum += mse![i];
    otherSum += otherMse![i];
  }
  return { count, mse: [sum / count, otherSum / count] };
}
