import { type Grid, isGrid, reviveArrays, type Tree } from "./arrays.ts";
import type { App } from "./context.ts";
import type { ModelSource } from "./model_source.ts";

/** What a model says of one input. */
export interface Prediction {
  output?: Float32Array;
  latent?: Float32Array;
  warnings: string[];
}

/** Predicts a single patch or spectrum: the quickest way to one pixel, whatever else is being computed. */
export async function askPrediction(
  { api, cache }: App,
  { version }: ModelSource,
  input: { key: string; values: Grid },
): Promise<Prediction> {
  return await cache.get(`predict ${version} ${input.key}`, async () => {
    const { shape, data } = input.values;
    const inputs = { dtype: "float32", shape, data: Array.from(data) };
    const answer = reviveArrays(await api.post(`${version}/predict`, { inputs })) as { [key: string]: Tree };
    const arrayOf = (value: Tree) => isGrid(value) ? value.data : undefined;
    return {
      output: arrayOf(answer.outputs),
      latent: arrayOf(answer.latents),
      warnings: (answer.warnings as string[] | undefined) ?? [],
    };
  }).promise;
}
