import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { ModelView } from "./model_source.ts";
import { learnedFrom } from "./session.ts";

/** The body of the job that trains such a model again; undefined where it was not trained on this cube. */
export function trainingRequest(model: ModelView, record: CubeRecord): Record<string, unknown> | undefined {
  const { training, network, image, members, name } = model;
  if (!training || !learnedFrom(model, record)) return undefined;
  const { region, epochs, batchSize, learningRate, seed, recipe, schedule, weightDecay, inputNoise, from } = training;
  return {
    kind: "train",
    direction: network.direction,
    cube: record.id,
    ...{ window: network.window, latent: network.latent, filters: network.filters },
    ...{ recipe, region, epochs, batchSize, learningRate, seed, schedule, weightDecay, inputNoise, from },
    ...image,
    ...(members ? { members: members.length + 1 } : {}),
    saveAs: name,
  };
}
