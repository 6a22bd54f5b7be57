import type { Engine, NetworkState } from "../compute/engine.ts";
import type { CubeReader } from "../cube/cube.ts";
import { unstandardise } from "../cube/scale.ts";
import type { TrainRequest } from "../schemas/job.ts";
import type { Preparation } from "../schemas/preparation.ts";
import type { ModelManifest, Scaler, Scores } from "../schemas/model.ts";
import type { Network } from "../../models/network.ts";
import type { LoadedModel, TrainedModel } from "./artifact/artifact.ts";
import type { BaselineThreads } from "./baselines/baseline_threads.ts";
import type { Checkpoint } from "./artifact/checkpoint.ts";
import { calibrateSpread, coverageOf, meanAndSpread } from "./evaluation/ensemble.ts";
import { evaluate } from "./evaluation/evaluate.ts";
import { makeCheck } from "./artifact/model_check.ts";
import { createPause, type Pause } from "./pause.ts";
import { columnMeans } from "./baselines/ridge.ts";
import { type FoldChoice, stretched } from "./robust/choose_by_folds.ts";
import { linearPathOf } from "./robust/linear_path.ts";
import { principalLatents } from "./robust/principal_latents.ts";
import { predictAll } from "./session_loss.ts";
import { seenRegions } from "./evaluation/seen_regions.ts";
import { thinPairs } from "./take_pairs.ts";
import { holdsOut, type PairSet, type TrainingData } from "./training_data.ts";

interface Context {
  cube: CubeReader;
  request: TrainRequest;
  cubeSha256: string;
  cubeName: string;
  preparation?: readonly Preparation[];
  engine: Engine;
  from?: LoadedModel;
  signal: AbortSignal;
  nowMs: () => number;
}

interface Results {
  network: Network;
  data: TrainingData;
  done: Checkpoint["done"];
  seconds: () => number;
  baselines: Pick<BaselineThreads, "begin" | "predictions">;
  /** What spatial folds chose for a `robust` training. */
  choice?: FoldChoice;
  /** Of an ensemble that was calibrated by folds. */
  spreadFactor?: number;
}

const MOST_TRAIN_PIXELS = 2048;

/** Standardised outputs of every member for some pixels, and the first member's latents. */
interface MemberOutputs {
  latent_NL: Float32Array;
  outputs: Float32Array[];
}

/** Scores the best epoch of each member against the baselines and puts the model together. */
export async function finishTraining(context: Context, results: Results): Promise<TrainedModel> {
  const { request, cube, engine } = context;
  const { data, done, network } = results;
  const pause = createPause(context.signal, context.nowMs);
  results.baselines.begin();
  const trainPairs = thinPairs(data.train, MOST_TRAIN_PIXELS);
  const states: NetworkState[] = [];
  for (const { best } of done) {
    const { network: state } = best!;
    states.push(request.recipe === "robust" ? await finishRobust(engine, state, results, trainPairs) : state);
  }
  const outputs = (pairs: PairSet) => memberOutputs(engine, network, states, pairs, pause);
  const train = await outputs(trainPairs);
  const test = meanAndSpread((await outputs(data.test)).outputs);
  const calibrated = holdsOut(request) ? meanAndSpread((await outputs(data.calibration)).outputs) : undefined;
  const spreadFactor = calibrated ? calibrateSpread(calibrated, data.calibration.target_NO) : results.spreadFactor;
  const coverage = spreadFactor === undefined ? undefined : coverageOf(test, data.test.target_NO, spreadFactor);
  const baselines = await results.baselines.predictions();
  const physical = (values: Float32Array) => unstandardise(values, data.scaler.output);
  const scored = (pairs: PairSet, predicted: Float32Array) => ({
    pixels: pairs.pixels,
    predicted_NO: physical(predicted),
    target_NO: physical(pairs.target_NO),
  });
  const scores = evaluate({
    direction: request.direction,
    cols: cube.shape[1],
    window: request.window,
    seed: request.seed,
    test: scored(data.test, test.mean),
    train: scored(trainPairs, meanAndSpread(train.outputs).mean),
    baselines: {
      mean: physical(baselines.mean),
      ridge: physical(baselines.ridge),
      nearest: physical(baselines.nearest),
      kernelRidge: physical(baselines.kernelRidge),
      trees: physical(baselines.trees),
    },
    linearPath: request.recipe === "robust" ? physical(linearPathOf(states, network, data.test.input_NI)) : undefined,
    coverage,
  });
  return {
    manifest: {
      ...manifestOf(context, results, scores),
      novelty: noveltyOf(trainPairs, train.latent_NL, network.options.latent, data.scaler),
      ...(spreadFactor === undefined ? {} : { spreadFactor }),
    },
    state: states[0],
    // The last epoch of the robust recipe is its best.
    last: request.recipe === "robust" ? undefined : done[0].last,
    members: states.slice(1),
    check: await checkOf(engine, network, states[0], data),
  };
}

/** With latent variables in the order of what they explain, and predictions stretched as the folds say. */
async function finishRobust(
  engine: Engine,
  state: NetworkState,
  { network, data, choice }: Results,
  pairs: PairSet,
): Promise<NetworkState> {
  const session = await engine.open(network, state);
  try {
    const ordered = principalLatents(network, state, await session.encode(pairs.input_NI));
    if (!choice) return ordered;
    return stretched(ordered, choice.slope, columnMeans(data.train.target_NO, data.train.pixels.length));
  } finally {
    await session.close();
  }
}

async function memberOutputs(
  engine: Engine,
  network: Network,
  states: readonly NetworkState[],
  pairs: PairSet,
  pause: Pause,
): Promise<MemberOutputs> {
  const result: MemberOutputs = { latent_NL: new Float32Array(), outputs: [] };
  for (const [member, state] of states.entries()) {
    const session = await engine.open(network, state);
    try {
      const inputSize = pairs.input_NI.length / pairs.pixels.length;
      const { latent_NL, output_NO } = await predictAll(session, pairs.input_NI, inputSize, pause);
      if (member === 0) result.latent_NL = latent_NL;
      result.outputs.push(output_NO);
    } finally {
      await session.close();
    }
  }
  return result;
}

function manifestOf(
  { request, cube, engine, cubeSha256, cubeName, preparation, from }: Context,
  { network, data, done, seconds, choice }: Results,
  scores: Scores,
): TrainedModel["manifest"] {
  const [first] = done;
  const seen = from ? seenRegions(from.manifest, { cubeSha256, preparation, shape: cube.shape }, request.window) : [];
  return {
    network: network.options,
    axis: cube.axes.spectral,
    quantity: cube.quantity,
    unit: cube.unit,
    image: data.image,
    ...(preparation?.length ? { preparation: [...preparation] } : {}),
    scaler: data.scaler,
    training: {
      cubeSha256,
      cubeName,
      shape: [...cube.shape],
      region: data.split.region,
      ...(seen.length > 0 ? { seen } : {}),
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
      seconds: seconds(),
      engine: engine.name,
      device: engine.device,
      history: first.history,
    },
    scores,
    ...(request.notes ? { notes: request.notes } : {}),
  };
}

function noveltyOf(
  train: PairSet,
  latent_NL: Float32Array,
  latent: number,
  scaler: Scaler,
): NonNullable<ModelManifest["novelty"]> {
  const input = unstandardise(train.input_NI, scaler.input);
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

async function checkOf(engine: Engine, network: Network, state: NetworkState, data: TrainingData) {
  const session = await engine.open(network, state);
  try {
    const input = unstandardise(data.test.input_NI.subarray(0, data.inputSize), data.scaler.input);
    return await makeCheck(session, data.scaler, input);
  } finally {
    await session.close();
  }
}
