import type { CubeReader } from "../../../lib/cube/cube.ts";
import { openReferenceEngine } from "../../../lib/compute/reference/reference_engine.ts";
import type { ResultInput, ResultModel } from "../../../lib/jobs/results/result_input.ts";
import type { TrainRequest } from "../../../lib/schemas/job.ts";
import { applyModel } from "../../../lib/training/inference/apply.ts";
import { loadModel, writeArtifact } from "../../../lib/training/artifact/artifact.ts";
import { decodePhysical, openModel } from "../../../lib/training/inference/predict.ts";
import { identity, run, tinyInput } from "../../training/tiny_training.ts";

/** A cube as an input of result tasks that need no model. */
export function cubeInput(cube: CubeReader, parameters: Record<string, unknown> = {}): ResultInput {
  return { cube, cubeSha256: "0".repeat(64), parameters, signal: new AbortController().signal, progress: () => {} };
}

/** Trains a tiny model, applies it to its cube and calls `use` with inputs for result tasks. */
export async function withAppliedFilm(
  change: Partial<TrainRequest>,
  use: (input: (parameters?: Record<string, unknown>) => ResultInput & { model: ResultModel }) => Promise<void>,
): Promise<void> {
  const training = tinyInput(change);
  const { trained } = await run(training);
  const engine = openReferenceEngine();
  const model = await openModel(engine, await loadModel(await writeArtifact(trained, identity)));
  try {
    const resultModel: ResultModel = {
      manifest: model.loaded.manifest,
      prediction: await applyModel(training.cube, model),
      decode: async (latent_NL) => (await decodePhysical(model, latent_NL)).output_NO,
    };
    await use((parameters = {}) => ({ ...cubeInput(training.cube, parameters), model: resultModel }));
  } finally {
    await model.close();
    await engine.close();
  }
}
