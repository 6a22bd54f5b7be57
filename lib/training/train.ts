import { LoopscopeError, unprocessable } from "../base/errors.ts";
import type { Engine, NetworkState } from "../compute/engine.ts";
import { initialState } from "../compute/initial_state.ts";
import type { CubeReader } from "../cube/cube.ts";
import type { TrainRequest } from "../schemas/job.ts";
import type { Preparation } from "../schemas/preparation.ts";
import type { NetworkOptions } from "../schemas/model.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { Network } from "../../models/network.ts";
import { checkAxis } from "./inference/check_axis.ts";
import { type Checkpoint, type MemberProgress, readCheckpoint, writeCheckpoint } from "./artifact/checkpoint.ts";
import { mixSeed } from "./epoch_batches.ts";
import { finishTraining } from "./finish_training.ts";
import type { LoadedModel, TrainedModel } from "./artifact/artifact.ts";
import { createPause } from "./pause.ts";
import { ridgeLoss } from "./baselines/ridge_loss.ts";
import { seenRegions } from "./evaluation/seen_regions.ts";
import { trainMember } from "./train_member.ts";
import { buildTrainingData, type TrainingData } from "./training_data.ts";

export interface TrainInput {
  cube: CubeReader;
  request: TrainRequest;
  /** Of the cube's bytes as uploaded, for the record. */
  cubeSha256: string;
  cubeName: string;
  /** The cube's own preparation steps, for the record. */
  preparation?: readonly Preparation[];
  engine: Engine;
  /** Continue from this model's weights with its scaler (`request.from`). */
  from?: LoadedModel;
  /** Bytes of the last checkpoint event of the same request: goes on from there as if never interrupted. */
  checkpoint?: Uint8Array;
  signal: AbortSignal;
  nowMs: () => number;
  /** Least time between two checkpoints; 0 for one an epoch. Default 15 s. */
  checkpointEveryMs?: number;
  /** Asked after each epoch: true has the training save a checkpoint and throw `draining`. */
  isDraining?: () => boolean;
  /** Between slices of work: resolves when the training may go on. Default: the next turn. */
  yieldToPredictions?: () => Promise<void>;
}

export type TrainingEvent =
  | {
    kind: "epoch";
    /** Counts on through the members of an ensemble: 1 to epochs x members. */
    epoch: number;
    epochs: number;
    /** Mean squared errors of standardised targets; the training loss is in training mode, before each update. */
    trainLoss: number;
    testLoss: number;
    /** The held-out loss of a ridge regression on the same pairs, the same in every epoch. */
    ridgeLoss: number;
    patchesPerSecond: number;
    etaSeconds: number;
  }
  | { kind: "checkpoint"; bytes: Uint8Array };

/**
 * Trains a model on a cube: Adam, MSE, mini-batches shuffled by seed and epoch; several members one after another. Yields
 * every epoch and, at most `checkpointEveryMs` apart but for the length of an epoch, what is needed to go on. Returns the
 * model with its scores, baselines and card data.
 *
 * Best and last epoch are kept. The best one is chosen on the guard band (im2spec: its outer half), which is neither trained
 * on nor scored, so that the test part has no say in it.
 *
 * Throws `loss_not_finite` (after a checkpoint event with the last good state), `cancelled`, `draining`, `from_mismatch`,
 * `axis_mismatch` and what `splitPixels` and `imageSide` throw.
 */
export async function* trainModel(input: TrainInput): AsyncGenerator<TrainingEvent, TrainedModel> {
  const { request, cube, from, nowMs } = input;
  const network = networkFor(cube, request);
  if (from) checkBase(from, network.options, cube);
  const continued = from &&
    { ...from.manifest, seen: seenRegions(from.manifest, { ...input, shape: cube.shape }, request.window) };
  const data = buildTrainingData(cube, request, continued);
  const fingerprint = fingerprintOf(input);
  const begun: Checkpoint = input.checkpoint
    ? readCheckpoint(input.checkpoint, fingerprint)
    : { fingerprint, done: [], seconds: 0 };
  const startedMs = nowMs();
  const seconds = () => begun.seconds + (nowMs() - startedMs) / 1000;
  const pause = createPause(input.signal, nowMs, undefined, input.yieldToPredictions);
  const ridge = await ridgeLoss(data.train, data.test, { cols: cube.shape[1], window: request.window, pause });
  const done = yield* trainMembers(input, { network, data, begun, seconds, ridge });
  return await finishTraining(input, { network, data, done, seconds });
}

interface Preparations {
  network: Network;
  data: TrainingData;
  begun: Checkpoint;
  seconds: () => number;
  ridge: number;
}

async function* trainMembers(
  input: TrainInput,
  { network, data, begun, seconds, ridge }: Preparations,
): AsyncGenerator<TrainingEvent, Checkpoint["done"]> {
  const { request, nowMs, checkpointEveryMs = 15000 } = input;
  const done = [...begun.done];
  const epochs = request.epochs * request.members;
  let savedMs = nowMs();
  while (done.length < request.members) {
    const member = done.length;
    const seed = member === 0 ? request.seed : mixSeed(request.seed, member);
    let current = member === begun.done.length ? begun.current : undefined;
    const start = current ?? startingState(input, network, member, seed);
    const checkpoint = (): TrainingEvent => {
      savedMs = nowMs();
      const { fingerprint } = begun;
      return { kind: "checkpoint", bytes: writeCheckpoint({ fingerprint, done, current, seconds: seconds() }) };
    };
    try {
      for await (const { progress, patchesPerSecond } of trainMember({ ...input, network, seed, data, start })) {
        current = progress;
        const epoch = member * request.epochs + progress.epoch;
        yield {
          kind: "epoch",
          epoch,
          epochs,
          trainLoss: progress.history.trainLoss.at(-1)!,
          testLoss: progress.history.testLoss.at(-1)!,
          ridgeLoss: ridge,
          patchesPerSecond,
          etaSeconds: (epochs - epoch) * seconds() / epoch,
        };
        const draining = input.isDraining?.() && progress.epoch < request.epochs;
        if (draining || nowMs() - savedMs >= checkpointEveryMs) yield checkpoint();
        if (draining) throw new LoopscopeError("unavailable", "draining", "The service is stopping");
      }
    } catch (error) {
      if ((error as { code?: string }).code === "loss_not_finite" && current) yield checkpoint();
      throw error;
    }
    done.push(finished(current!));
  }
  return done;
}

function finished({ state, ...progress }: NonNullable<Checkpoint["current"]>): MemberProgress & { last: NetworkState } {
  return { ...progress, last: state.network };
}

function networkFor(cube: CubeReader, { direction, window, latent, filters }: TrainRequest): Network {
  return buildNetwork({ direction, window, points: cube.shape[2], latent, filters });
}

/** A fine-tuned ensemble takes up the members of its base in turn. */
function startingState({ from }: TrainInput, network: Network, member: number, seed: number): NetworkState {
  if (!from) return initialState(network, seed);
  const states = [from.state, ...from.members];
  return states[member % states.length];
}

function checkBase(from: LoadedModel, wanted: NetworkOptions, cube: CubeReader): void {
  const met = from.manifest.network;
  for (const key of ["direction", "window", "points", "latent", "filters"] as const) {
    if (met[key] === wanted[key]) continue;
    throw unprocessable(
      "from_mismatch",
      `Model ${from.manifest.name}@${from.manifest.version} has ${key} ${met[key]}, the request and cube want ${
        wanted[key]
      }`,
    );
  }
  checkAxis(from.manifest, cube);
}

function fingerprintOf({ request, cubeSha256, from }: TrainInput): string {
  const { saveAs: _, notes: __, priority: ___, webhook: ____, ...rest } = request;
  return JSON.stringify({ ...rest, cubeSha256, base: from?.manifest.weights.sha256 });
}
