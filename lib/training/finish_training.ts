import type { Engine, NetworkState } from "../compute/engine.ts";
import { unstandardise } from "../cube/scale.ts";
import type { Network } from "../../models/network.ts";
import type { TrainedModel } from "./artifact/artifact.ts";
import type { BaselineThreads } from "./baselines/baseline_threads.ts";
import { calibrateSpread, coverageOf, meanAndSpread } from "./evaluation/ensemble.ts";
import { physicalInputs } from "./joint_data.ts";
import { makeCheck } from "./artifact/model_check.ts";
import { createPause, type Pause } from "./pause.ts";
import { columnMeans } from "./baselines/ridge.ts";
import { stretched } from "./robust/choose_by_folds.ts";
import { linearPathOf } from "./robust/linear_path.ts";
import { principalLatents } from "./robust/principal_latents.ts";
import { predictAll } from "./session_loss.ts";
import { thinPairs } from "./take_pairs.ts";
import { type ManifestContext, manifestOf, noveltyOf, type TrainingOutcome } from "./training_manifest.ts";
import { trainingScores } from "./training_scores.ts";
import { holdsOut, type PairSet, type TrainingData } from "./training_data.ts";

interface Context extends ManifestContext {
  engine: Engine;
  signal: AbortSignal;
  nowMs: () => number;
}

interface Results extends TrainingOutcome {
  baselines: Pick<BaselineThreads, "begin" | "predictions">;
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
  const { request, engine } = context;
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
  const scores = trainingScores(context, data, {
    test: test.mean,
    trainPairs,
    train: meanAndSpread(train.outputs).mean,
    baselines: await results.baselines.predictions(),
    linearPath: request.recipe === "robust" ? linearPathOf(states, network, data.test.input_NI) : undefined,
    coverage,
  });
  return {
    manifest: {
      ...manifestOf(context, results, scores),
      novelty: noveltyOf(physicalInputs(data, trainPairs), train.latent_NL, network.options.latent),
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

async function checkOf(engine: Engine, network: Network, state: NetworkState, data: TrainingData) {
  const session = await engine.open(network, state);
  try {
    const input = unstandardise(data.test.input_NI.subarray(0, data.inputSize), data.scaler.input);
    return await makeCheck(session, data.scaler, input);
  } finally {
    await session.close();
  }
}
