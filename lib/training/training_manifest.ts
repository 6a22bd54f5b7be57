import type { TrainRequest } from "../schemas/job.ts";
import type { ModelManifest, Scores, TrainedCube } from "../schemas/model.ts";
import type { Network } from "../../models/network.ts";
import type { LoadedModel, TrainedModel } from "./artifact/artifact.ts";
import type { Checkpoint } from "./artifact/checkpoint.ts";
import { seenRegions } from "./evaluation/seen_regions.ts";
import type { FoldChoice } from "./robust/choose_by_folds.ts";
import type { TrainingCube } from "./training_cubes.ts";
import type { CubePart, TrainingData } from "./training_data.ts";

export interface ManifestContext {
  /** On one spectral axis. */
  cubes: readonly TrainingCube[];
  request: TrainRequest;
  engine: { name: string; device: string };
  from?: LoadedModel;
}

export interface TrainingOutcome {
  network: Network;
  data: TrainingData;
  done: Checkpoint["done"];
  seconds: () => number;
  /** What spatial folds chose for a `robust` training. */
  choice?: FoldChoice;
}

/** What the record of a model says of its training. */
export function manifestOf(
  { request, cubes, engine, from }: ManifestContext,
  { network, data, done, seconds, choice }: TrainingOutcome,
  scores: Scores,
): TrainedModel["manifest"] {
  const [first] = done;
  const trained = data.parts.map((part) => trainedCube(cubes[part.cube], part, from, request.window));
  const [{ scaler: _, trainPixels: __, testPixels: ___, preparation, ...one }] = trained;
  const [{ cube }] = cubes;
  return {
    network: network.options,
    axis: cube.axes.spectral,
    quantity: cube.quantity,
    unit: cube.unit,
    image: data.image,
    ...(preparation ? { preparation } : {}),
    scaler: data.scaler,
    training: {
      ...one,
      guard: request.window - 1,
      epochs: request.epochs,
      bestEpoch: first.best!.epoch,
      batchSize: request.batchSize,
      learningRate: request.learningRate,
      recipe: request.recipe,
      weightDecay: request.weightDecay,
      schedule: request.schedule,
      ...(choice ? { folds: choice } : {}),
      ...(request.inputNoise === undefined ? {} : { inputNoise: request.inputNoise }),
      seed: request.seed,
      ...(request.from ? { from: request.from } : {}),
      trainPixels: data.train.pixels.length,
      testPixels: data.test.pixels.length,
      ...(trained.length > 1 ? { cubes: trained } : {}),
      seconds: seconds(),
      engine: engine.name,
      device: engine.device,
      history: first.history,
    },
    scores,
    ...(request.notes ? { notes: request.notes } : {}),
  };
}

function trainedCube(
  { cube, cubeSha256, cubeName, preparation }: TrainingCube,
  { region, scaler, trainPixels, testPixels }: CubePart,
  from: LoadedModel | undefined,
  window: number,
): TrainedCube {
  const { shape } = cube;
  const seen = from ? seenRegions(from.manifest, { cubeSha256, preparation, shape }, window) : [];
  return {
    ...{ cubeSha256, cubeName, shape: [...shape], region },
    ...(seen.length > 0 ? { seen } : {}),
    ...(preparation?.length ? { preparation: [...preparation] } : {}),
    ...{ scaler, trainPixels, testPixels },
  };
}

/** Ranges of inputs in physical units and of latent variables, beyond which a prediction is warned about. */
export function noveltyOf(
  input: Float32Array,
  latent_NL: Float32Array,
  latent: number,
): NonNullable<ModelManifest["novelty"]> {
  const range = (values: Float32Array, start: number, stride: number) => {
    let [low, high] = [Infinity, -Infinity];
    for (let i = start; i < values.length; i += stride) {
      low = Math.min(low, values[i]);
      high = Math.max(high, values[i]);
    }
    return [low, high];
  };
  const [inputMin, inputMax] = range(input, 0, 1);
  const latents = Array.from({ length: latent }, (_, l) => range(latent_NL, l, latent));
  return { inputMin, inputMax, latentMin: latents.map(([low]) => low), latentMax: latents.map(([, high]) => high) };
}
