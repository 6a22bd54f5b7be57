import { unprocessable } from "../base/errors.ts";
import type { Engine, EpochLosses, EpochResult, NetworkState } from "../compute/engine.ts";
import type { OptimiserOptions } from "../compute/optimiser.ts";
import type { TrainRequest } from "../schemas/job.ts";
import type { Network } from "../../models/network.ts";
import { epochBatches } from "./epoch_batches.ts";
import { type EpochMeans, MemberRecord, type SavedProgress } from "./member_record.ts";
import { createPause } from "./pause.ts";
import { steppedEpochs } from "./stepped_epochs.ts";
import { thinPairs } from "./take_pairs.ts";
import type { TrainingData } from "./training_data.ts";

export interface MemberInput {
  engine: Engine;
  network: Network;
  request: TrainRequest;
  /** Decides the order of samples; the initial weights come with `start`. */
  seed: number;
  /** Deviation of the noise on the inputs; default: none. */
  inputNoise?: number;
  data: TrainingData;
  start: NetworkState | SavedProgress;
  signal: AbortSignal;
  nowMs: () => number;
  /** Between slices of work: resolves when the training may go on. Default: the next turn. */
  yieldToPredictions?: () => Promise<void>;
}

export type MemberEvent =
  | {
    kind: "epoch";
    epoch: number;
    /** Mean squared errors of standardised targets. */
    trainLoss: number;
    testLoss: number;
    patchesPerSecond: number;
    /** What a checkpoint needs, read from the device. To be called before the next event is asked for. */
    progress(): Promise<SavedProgress>;
  }
  /** The next epoch failed: what was known after the last good one. */
  | { kind: "lastGood"; progress: SavedProgress };

const MOST_TEST_PIXELS = 1024;

/**
 * Trains one member epoch by epoch. After each epoch the loss on the test part is measured for the curve, and the loss on
 * guard pixels decides which epoch is best. Where the engine can, the next epochs are queued before the last one's losses
 * are known, and states stay on the device until somebody reads them. Throws `loss_not_finite` naming the epoch, and `cancelled`.
 */
export async function* trainMember(input: MemberInput): AsyncGenerator<MemberEvent, void> {
  const { engine, network, request, data, start, nowMs } = input;
  const resumed = start instanceof Map ? undefined : start;
  const session = await engine.open(network, start instanceof Map ? start : start.state.network, {
    ...optimiserOptions(input),
    trainBatch: request.batchSize,
    ...(resumed ? { resume: resumed.state } : {}),
  });
  const stop = new AbortController();
  const pause = createPause(AbortSignal.any([input.signal, stop.signal]), nowMs, 0, input.yieldToPredictions);
  const running: Promise<EpochResult>[] = [];
  try {
    const epochs = session.epochs ?? steppedEpochs(session, nowMs);
    await session.setTrainingSet(data.train.input_NI, data.train.target_NO);
    await epochs.setEvaluationSets([
      thinPairs(data.test, MOST_TEST_PIXELS),
      { ...data.guard, weight_NO: data.guardWeight_NO },
    ]);
    const record = new MemberRecord(request.recipe === "robust", resumed);
    let next = record.epoch + 1;
    while (record.epoch < request.epochs) {
      const startedMs = nowMs();
      while (next <= request.epochs && running.length <= epochs.ahead) {
        running.push(epochs.run(batchesOf(input, next++), pause));
        running.at(-1)!.catch(() => {}); // it is awaited below
      }
      const epoch = record.epoch + 1;
      const { losses, snapshot } = await running.shift()!;
      const means = meansOf(losses, batchesOf(input, epoch));
      const failed = (["train", "test", "guard"] as const).find((part) => !Number.isFinite(means[`${part}Loss`]));
      if (failed) {
        if (epoch > 1) yield { kind: "lastGood", progress: await record.progress() };
        throw lossNotFinite(failed, means[`${failed}Loss`], epoch);
      }
      record.add(means, snapshot);
      const { trainLoss, testLoss } = means;
      const patchesPerSecond = 1000 * data.train.pixels.length / Math.max(1, nowMs() - startedMs);
      yield { kind: "epoch", epoch, trainLoss, testLoss, patchesPerSecond, progress: () => record.progress() };
    }
  } finally {
    stop.abort();
    await Promise.allSettled(running);
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

function batchesOf({ data, request, seed }: MemberInput, epoch: number): Int32Array[] {
  return epochBatches(data.train.pixels.length, request.batchSize, seed, epoch);
}

/** Training loss over the epoch's samples; a step that failed makes it what that step's loss is. */
function meansOf(
  { steps, evaluations: [testLoss, guardLoss] }: EpochLosses,
  batches: readonly Int32Array[],
): EpochMeans {
  let [sum, samples] = [0, 0];
  for (const [k, { length }] of batches.entries()) {
    sum += steps[k] * length;
    samples += length;
    if (!Number.isFinite(sum)) return { trainLoss: steps[k], testLoss, guardLoss };
  }
  return { trainLoss: sum / samples, testLoss, guardLoss };
}

function lossNotFinite(part: "train" | "test" | "guard", loss: number, epoch: number) {
  const name = part === "train" ? "training" : part;
  return unprocessable(
    "loss_not_finite",
    `The ${name} loss became ${loss} in epoch ${epoch}; a smaller learning rate, or values without outliers, may help`,
  );
}
