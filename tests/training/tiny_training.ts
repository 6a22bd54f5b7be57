import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { simulateFilm } from "../../lib/cube/simulate_film.ts";
import { type TrainRequest, trainRequestSchema } from "../../lib/schemas/job.ts";
import type { TrainedModel } from "../../lib/training/artifact/artifact.ts";
import { type TrainingEvent, type TrainInput, trainModel } from "../../lib/training/train.ts";

export const identity = { name: "tiny", version: 1, createdAt: "2024-01-01T00:00:00.000Z" };

/** A film of 20 x 22 x 8 and a network of 2 filters: trains in a few hundred milliseconds on the reference engine. */
export function tinyInput(change: Partial<TrainRequest> = {}, input: Partial<TrainInput> = {}): TrainInput {
  const request = trainRequestSchema.parse({
    kind: "train",
    direction: "im2spec",
    cube: "cube_1",
    window: 4,
    filters: 2,
    epochs: 3,
    batchSize: 16,
    saveAs: "tiny",
    ...change,
  });
  let clockMs = 0;
  return {
    cube: simulateFilm({ rows: 20, cols: 22, points: 8, seed: 3 }).cube,
    request,
    cubeSha256: "0".repeat(64),
    cubeName: "film",
    engine: openReferenceEngine(),
    signal: new AbortController().signal,
    nowMs: () => clockMs += 0.01,
    checkpointEveryMs: 0,
    ...input,
  };
}

/** A whole training: its events and the model. */
export async function run(input: TrainInput): Promise<{ events: TrainingEvent[]; trained: TrainedModel }> {
  const events: TrainingEvent[] = [];
  const training = trainModel(input);
  for (;;) {
    const next = await training.next();
    if (next.done) return { events, trained: next.value };
    events.push(next.value);
  }
}
