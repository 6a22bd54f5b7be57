import { LoopscopeError, unprocessable } from "../base/errors.ts";
import type { Engine, NetworkState } from "../compute/engine.ts";
import { initialState } from "../compute/initial_state.ts";
import type { CubeReader } from "../cube/cube.ts";
import type { TrainingPhase, TrainRequest } from "../schemas/job.ts";
import type { HeldOutScores, NetworkOptions } from "../schemas/model.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { Network } from "../../models/network.ts";
import { checkAxis } from "./inference/check_axis.ts";
import {
  type Checkpoint,
  type FoldSums,
  type MemberProgress,
  readCheckpoint,
  writeCheckpoint,
} from "./artifact/checkpoint.ts";
import { mixSeed } from "./epoch_batches.ts";
import { finishTraining } from "./finish_training.ts";
import type { LoadedModel, TrainedModel } from "./artifact/artifact.ts";
import { createPause } from "./pause.ts";
import { BaselineThreads } from "./baselines/baseline_threads.ts";
import { chosenRidge } from "./baselines/baselines.ts";
import type { LinearModel } from "./baselines/ridge.ts";
import { ridgeLoss } from "./baselines/ridge_loss.ts";
import { choiceOf, type FoldChoice, FoldTrainings } from "./robust/choose_by_folds.ts";
import { networkOptionsOf } from "./network_options.ts";
import { robustStart } from "./robust/robust_start.ts";
import { manifestForCube } from "./evaluation/manifest_for_cube.ts";
import { seenRegions } from "./evaluation/seen_regions.ts";
import { buildJointData } from "./joint_data.ts";
import { trainMember } from "./train_member.ts";
import { alignCubes, type TrainingCube } from "./training_cubes.ts";
import type { Continued, TrainingData } from "./training_data.ts";
import { checkValidation, validationTrainings, withValidation } from "./validation_trainings.ts";

export interface TrainInput extends TrainingCube {
  request: TrainRequest;
  /** Further cubes of the same training; with the regions of their own, as `region` is for the first. */
  others?: readonly TrainingCube[];
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
  | { kind: "checkpoint"; bytes: Uint8Array }
  /** What the time until the next event of this kind goes to. */
  | { kind: "phase"; phase: TrainingPhase };

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
export async function* trainModel(given: TrainInput): AsyncGenerator<TrainingEvent, TrainedModel> {
  const { request } = given;
  const input = alignedInput(given);
  const { cubes } = input;
  checkValidation(request, cubes.length);
  const validated = yield* trainForValidation(input);
  const { manifest, ...trained } = yield* trainSplit(input, validated);
  const scores = withValidation(manifest.scores!, request, cubes, validated);
  return { ...trained, manifest: { ...manifest, scores } };
}

/** All cubes on one spectral axis, each with the region that was asked for. */
type AlignedInput = Omit<TrainInput, keyof TrainingCube | "others"> & { cubes: readonly TrainingCube[] };

function alignedInput(
  { others = [], cube, cubeSha256, cubeName, preparation, region, ...rest }: TrainInput,
): AlignedInput {
  const first = { cube, cubeSha256, cubeName, preparation, region: region ?? rest.request.region };
  return { ...rest, cubes: alignCubes<TrainingCube>([first, ...others]) };
}

/**
 * The same training on each side of the map, or without each cube; of these only the scores are kept. One that is
 * interrupted begins again.
 */
async function* trainForValidation(input: AlignedInput): AsyncGenerator<TrainingEvent, HeldOutScores[]> {
  const { request, cubes, nowMs, checkpoint } = input;
  const fingerprint = fingerprintOf(input);
  const begun = checkpoint && readCheckpoint(checkpoint, fingerprint);
  const done = [...begun?.validated ?? []];
  const [before, startedMs] = [begun?.seconds ?? 0, nowMs()];
  const trainings = validationTrainings(request, cubes);
  for (const { cubes, leftOut } of trainings.slice(done.length)) {
    const training = trainSplit({ ...input, cubes, checkpoint: undefined }, [], leftOut);
    let next = await training.next();
    for (; !next.done; next = await training.next()) {
      if (next.value.kind === "epoch") {
        const { epoch, epochs } = next.value;
        yield { ...next.value, epoch: done.length * epochs + epoch, epochs: (trainings.length + 1) * epochs };
      } else if (next.value.kind === "phase") {
        yield next.value;
      } else {
        const seconds = before + (nowMs() - startedMs) / 1000;
        yield { kind: "checkpoint", bytes: writeCheckpoint({ fingerprint, done: [], validated: done, seconds }) };
      }
    }
    const { test, baselines } = next.value.manifest.scores!;
    done.push({ test, baselines });
  }
  return done;
}

/** One training on the cubes' regions, after those of `validated`. */
async function* trainSplit(
  input: AlignedInput,
  validated: HeldOutScores[],
  leftOut?: number,
): AsyncGenerator<TrainingEvent, TrainedModel> {
  const { request, cubes, from, nowMs } = input;
  const network = networkFor(cubes[0].cube, request);
  if (from) checkBase(from, network.options, cubes[0].cube);
  const data = buildJointData(cubes, request, {
    leftOut,
    continued: (cube) => from && continuedOn(from, cube, request),
  });
  const fingerprint = fingerprintOf(input);
  const begun: Checkpoint = input.checkpoint
    ? readCheckpoint(input.checkpoint, fingerprint)
    : { fingerprint, done: [], seconds: 0 };
  const startedMs = nowMs();
  const seconds = () => begun.seconds + (nowMs() - startedMs) / 1000;
  const pause = createPause(input.signal, nowMs, undefined, input.yieldToPredictions);
  yield { kind: "phase", phase: "preparing" };
  const ridge = await chosenRidge(data.train, { cols: data.cols, window: request.window, pause });
  const baselines = baselinesOf(input, data, ridge);
  try {
    const folds = [...begun.folds ?? []];
    const trainings = new FoldTrainings({ ...input, network, seed: request.seed, data, cols: data.cols });
    if (request.recipe === "robust" && !from) {
      yield { kind: "phase", phase: "folds" };
      yield* chooseByFolds(input, { trainings, begun, seconds, validated }, folds);
    }
    const choice = choiceOf(folds);
    yield { kind: "phase", phase: "training" };
    const done = yield* trainMembers(input, { network, data, begun, seconds, ridge, folds, choice, validated });
    let spreadFactor = from?.manifest.spreadFactor;
    if (choice && request.members > 1) {
      yield { kind: "phase", phase: "calibrating" };
      spreadFactor = await trainings.spreadFactor(choice);
    }
    yield { kind: "phase", phase: "scoring" };
    return await finishTraining(input, { network, data, done, seconds, baselines, choice, spreadFactor });
  } finally {
    baselines.stop();
  }
}

/** Begun beside the training where the engine leaves a core free, else after it. */
export function baselinesOf(
  { request, engine, signal }: Pick<TrainInput, "request" | "engine" | "signal">,
  data: TrainingData,
  ridge: LinearModel,
): BaselineThreads {
  const cores = navigator.hardwareConcurrency;
  const spare = cores - engine.threads;
  const { window, seed } = request;
  const options = { cols: data.cols, window, seed, ridge, threads: spare > 0 ? spare : cores, signal };
  const baselines = new BaselineThreads(data.train, data.test, options);
  if (spare > 0) baselines.begin();
  return baselines;
}

interface Preparations {
  network: Network;
  data: TrainingData;
  begun: Checkpoint;
  seconds: () => number;
  ridge: LinearModel;
  folds: readonly FoldSums[];
  choice?: FoldChoice;
  validated: HeldOutScores[];
}

/** Adds to `folds` what is missing there. */
async function* chooseByFolds(
  input: AlignedInput,
  { trainings, begun, seconds, validated }: Pick<Preparations, "begun" | "seconds" | "validated"> & {
    trainings: FoldTrainings;
  },
  folds: FoldSums[],
): AsyncGenerator<TrainingEvent, void> {
  const { nowMs, checkpointEveryMs = 15000 } = input;
  const { fingerprint } = begun;
  let savedMs = nowMs();
  for await (const sums of trainings.sums(folds)) {
    folds.push(sums);
    const draining = input.isDraining?.() ?? false;
    if (draining || nowMs() - savedMs >= checkpointEveryMs) {
      savedMs = nowMs();
      const bytes = writeCheckpoint({ fingerprint, done: [], folds, ...keptOf(validated), seconds: seconds() });
      yield { kind: "checkpoint", bytes };
    }
    if (draining) throw new LoopscopeError("unavailable", "draining", "The service is stopping");
  }
}

async function* trainMembers(
  input: AlignedInput,
  { network, data, begun, seconds, ridge, folds, choice, validated }: Preparations,
): AsyncGenerator<TrainingEvent, Checkpoint["done"]> {
  const { request, nowMs, checkpointEveryMs = 15000 } = input;
  const inputNoise = choice?.inputNoise ?? inputNoiseOf(request);
  const done = [...begun.done];
  const ofRidge = ridgeLoss(ridge, data.test);
  const epochs = request.epochs * request.members;
  let savedMs = nowMs();
  while (done.length < request.members) {
    const member = done.length;
    const seed = member === 0 ? request.seed : mixSeed(request.seed, member);
    let current = member === begun.done.length ? begun.current : undefined;
    const start = current ?? startingState(input, { network, data, ridge }, member, seed);
    const checkpoint = (): TrainingEvent => {
      savedMs = nowMs();
      const { fingerprint } = begun;
      const saved = {
        fingerprint,
        done,
        current,
        folds: folds.length > 0 ? [...folds] : undefined,
        ...keptOf(validated),
        seconds: seconds(),
      };
      return { kind: "checkpoint", bytes: writeCheckpoint(saved) };
    };
    try {
      const options = { ...input, network, seed, data, start, inputNoise };
      for await (const event of trainMember(options)) {
        if (event.kind === "lastGood") {
          current = event.progress;
          continue;
        }
        const epoch = member * request.epochs + event.epoch;
        yield {
          kind: "epoch",
          epoch: validated.length * epochs + epoch,
          epochs: (validated.length + 1) * epochs,
          trainLoss: event.trainLoss,
          testLoss: event.testLoss,
          ridgeLoss: ofRidge,
          patchesPerSecond: event.patchesPerSecond,
          etaSeconds: (epochs - epoch) * seconds() / epoch,
        };
        const isLast = event.epoch === request.epochs;
        const draining = input.isDraining?.() && !isLast;
        const isDue = draining || nowMs() - savedMs >= checkpointEveryMs;
        if (isDue || isLast) current = await event.progress();
        if (isDue) yield checkpoint();
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

function keptOf(validated: HeldOutScores[]): Pick<Checkpoint, "validated"> {
  return validated.length > 0 ? { validated } : {};
}

function finished({ state, ...progress }: NonNullable<Checkpoint["current"]>): MemberProgress & { last: NetworkState } {
  return { ...progress, last: state.network };
}

function networkFor(cube: CubeReader, request: TrainRequest): Network {
  return buildNetwork(networkOptionsOf(request, cube.shape[2]));
}

/** A fine-tuned ensemble takes up the members of its base in turn. */
function startingState(
  { from, request }: AlignedInput,
  { network, data, ridge }: Pick<Preparations, "network" | "data" | "ridge">,
  member: number,
  seed: number,
): NetworkState {
  if (!from && request.recipe === "robust") return robustStart(network, seed, data.train.input_NI, ridge);
  if (!from) return initialState(network, seed);
  const states = [from.state, ...from.members];
  return states[member % states.length];
}

/** On a cube that the base knows, with the scaler that it has for it. */
function continuedOn({ manifest }: LoadedModel, cube: TrainingCube, { window }: TrainRequest): Continued {
  const source = { ...cube, shape: cube.cube.shape };
  return { ...manifestForCube(manifest, source), seen: seenRegions(manifest, source, window) };
}

function checkBase(from: LoadedModel, wanted: NetworkOptions, cube: CubeReader): void {
  const met = from.manifest.network;
  for (const key of ["recipe", "direction", "window", "points", "latent", "filters"] as const) {
    if (met[key] === wanted[key]) continue;
    throw unprocessable(
      "from_mismatch",
      `Model ${from.manifest.name}@${from.manifest.version} has ${key} ${met[key] ?? "published"}, the request and ` +
        `cube want ${wanted[key] ?? "published"}`,
    );
  }
  checkAxis(from.manifest, cube);
}

/** What a robust training takes where there are no folds to choose by: spectra vary together more than patches do. */
function inputNoiseOf({ recipe, direction, inputNoise }: TrainRequest): number {
  return inputNoise ?? (recipe === "published" ? 0 : direction === "im2spec" ? 0.5 : 0.2);
}

function fingerprintOf({ request, cubes, from }: AlignedInput): string {
  const { saveAs: _, notes: __, priority: ___, webhook: ____, ...all } = request;
  // Without what is as published, so that the checkpoints of version 0.1.0 still fit.
  const { recipe, weightDecay, schedule, inputNoise, ...rest } = all;
  const isPublished = recipe === "published" && weightDecay === 0 && schedule === "constant" &&
    inputNoise === undefined;
  const [cubeSha256, ...others] = cubes.map((cube) => cube.cubeSha256);
  const data = { cubeSha256, ...(others.length > 0 ? { others } : {}), base: from?.manifest.weights.sha256 };
  return JSON.stringify({ ...(isPublished ? rest : all), ...data });
}
