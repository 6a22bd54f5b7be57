import { unprocessable } from "../base/errors.ts";
import type { Engine, NetworkState, Session, TrainingState } from "../compute/engine.ts";
import type { OptimiserOptions } from "../compute/optimiser.ts";
import type { TrainRequest } from "../schemas/job.ts";
import type { Network } from "../../models/network.ts";
import type { MemberProgress } from "./artifact/checkpoint.ts";
import { epochBatches } from "./epoch_batches.ts";
import { createPause, type Pause } from "./pause.ts";
import { sessionLoss } from "./session_loss.ts";
import { thinPairs } from "./take_pairs.ts";
import type { PairSet, TrainingData } from "./training_data.ts";

export interface MemberInput {
  engine: Engine;
  network: Network;
  request: TrainRequest;
  /** Decides the order of samples; the initial weights come with `start`. */
  seed: number;
  /** Deviation of the noise on the inputs; default: none. */
  inputNoise?: number;
  data: TrainingData;
  start: NetworkState | (MemberProgress & { state: TrainingState });
  signal: AbortSignal;
  nowMs: () => number;
  /** Between slices of work: resolves when the training may go on. Default: the next turn. */
  yieldToPredictions?: () => Promise<void>;
}

/** One epoch done: what is known after it. */
export interface EpochDone {
  progress: MemberProgress & { state: TrainingState };
  patchesPerSecond: number;
}

const MOST_TEST_PIXELS = 1024;
/** Work given to the engine at once; a prediction waits at most about this long. */
const SLICE_MS = 40;
const MOST_STEPS_AT_ONCE = 64;

/**
 * Trains one member epoch by epoch. After each epoch the loss on the test part is measured for the curve, and the loss on
 * guard pixels decides which epoch is best. Throws `loss_not_finite` naming the epoch, and `cancelled`.
 */
export async function* trainMember(input: MemberInput): AsyncGenerator<EpochDone, void> {
  const { engine, network, request, data, start } = input;
  const resumed = start instanceof Map ? undefined : start;
  const session = await engine.open(network, start instanceof Map ? start : start.state.network, {
    trainBatch: Math.min(request.batchSize, data.train.pixels.length),
    ...optimiserOptions(input),
    ...(resumed ? { resume: resumed.state } : {}),
  });
  try {
    await session.setTrainingSet(data.train.input_NI, data.train.target_NO);
    let progress: MemberProgress = resumed ?? { epoch: 0, history: { trainLoss: [], testLoss: [] } };
    const test = thinPairs(data.test, MOST_TEST_PIXELS);
    while (progress.epoch < request.epochs) {
      const done = await trainEpoch(session, input, progress, test);
      progress = done.progress;
      yield done;
    }
  } finally {
    await session.close();
  }
}

function optimiserOptions({ request, data, seed, inputNoise: deviation = 0 }: MemberInput): OptimiserOptions {
  const { learningRate, weightDecay, schedule, epochs, batchSize } = request;
  const steps = epochs * epochBatches(data.train.pixels.length, batchSize, seed, 1).length;
  return {
    learningRate,
    weightDecay,
    ...(schedule === "cosine" ? { cosineSteps: steps } : {}),
    ...(deviation > 0 ? { inputNoise: { deviation, seed } } : {}),
  };
}

async function trainEpoch(
  session: Session,
  input: MemberInput,
  before: MemberProgress,
  test: PairSet,
): Promise<EpochDone> {
  const { data, request, nowMs, signal } = input;
  const epoch = before.epoch + 1;
  const pause = createPause(signal, nowMs, 0, input.yieldToPredictions);
  const batches = epochBatches(data.train.pixels.length, request.batchSize, input.seed, epoch);
  const startedMs = nowMs();
  const trainLoss = await runBatches(session, batches, { epoch, pause, nowMs });
  const patchesPerSecond = 1000 * data.train.pixels.length / Math.max(1, nowMs() - startedMs);
  const testLoss = checkFinite(await sessionLoss(session, test, pause), epoch, "test");
  const guardLoss = checkFinite(await sessionLoss(session, data.guard, pause, data.guardWeight_NO), epoch, "guard");
  const state = await session.state();
  // With noise and a schedule the last epoch is as good as any, and a drifting map makes the guard band choose wrongly.
  const isBest = request.recipe === "robust" || before.best === undefined || guardLoss < before.best.guardLoss;
  const history = {
    trainLoss: [...before.history.trainLoss, trainLoss],
    testLoss: [...before.history.testLoss, testLoss],
  };
  const best = isBest ? { network: state.network, epoch, guardLoss } : before.best;
  return { progress: { epoch, best, history, state }, patchesPerSecond };
}

/** Mean training loss over the epoch's samples. */
async function runBatches(
  session: Session,
  batches: readonly Int32Array[],
  { epoch, pause, nowMs }: { epoch: number; pause: Pause; nowMs: () => number },
): Promise<number> {
  let [sum, samples, atOnce] = [0, 0, 1];
  for (let first = 0; first < batches.length;) {
    const group = batches.slice(first, first + atOnce);
    const startedMs = nowMs();
    const losses = await session.trainSteps(group);
    const stepMs = Math.max(0.5, (nowMs() - startedMs) / group.length);
    for (let k = 0; k < group.length; k++) {
      sum += checkFinite(losses[k], epoch, "training") * group[k].length;
      samples += group[k].length;
    }
    first += group.length;
    atOnce = Math.max(1, Math.min(MOST_STEPS_AT_ONCE, Math.floor(SLICE_MS / stepMs)));
    await pause();
  }
  return sum / samples;
}

function checkFinite(loss: number, epoch: number, part: string): number {
  if (Number.isFinite(loss)) return loss;
  throw unprocessable(
    "loss_not_finite",
    `The ${part} loss became ${loss} in epoch ${epoch}; a smaller learning rate, or values without outliers, may help`,
  );
}
