import type { NetworkState } from "../../compute/engine.ts";
import type { FoldSums } from "../artifact/checkpoint.ts";
import { columnMeans } from "../baselines/ridge.ts";
import { chosenRidge } from "../baselines/baselines.ts";
import type { LinearModel } from "../baselines/ridge.ts";
import { calibrateSpread, meanAndSpread } from "../evaluation/ensemble.ts";
import { spatialFolds } from "../baselines/spatial_folds.ts";
import { mixSeed } from "../epoch_batches.ts";
import { createPause, type Pause } from "../pause.ts";
import { copyState } from "./copy_state.ts";
import { robustStart } from "./robust_start.ts";
import { predictAll } from "../session_loss.ts";
import { takePairs, thinPairs } from "../take_pairs.ts";
import { type MemberInput, trainMember } from "../train_member.ts";
import type { PairSet } from "../training_data.ts";

export interface FoldChoice {
  inputNoise: number;
  /** By how much predictions have to be stretched around the mean for the least error: 0.001 where nothing is predictable. */
  slope: number;
  /** Of the stretched predictions, over all folds. */
  r2: number;
}

const FOLDS = 4;
const NOISES = [0.2, 0.5];
/** Strong noise flattens predictions, and the stretch makes good for it; more than this is chance. */
const MOST_SLOPE = 1.5;
/** Less than this over all folds counts as nothing. */
const LEAST_R2 = 0.01;
/** Where nothing is predictable: as good as 0, but members still differ, so that their spread can be calibrated. */
const LEAST_SLOPE = 1e-3;
const MOST_FIT_PIXELS = 8192, MOST_SCORE_PIXELS = 4096;
const MOST_KEPT_BYTES = 64 * 2 ** 20;

type FoldInput = Omit<MemberInput, "start"> & { cols: number };

/** Trainings without one spatial fold of the training part each: nothing outside it is looked at. */
export class FoldTrainings {
  readonly #ridges = new Map<number, LinearModel>();
  /** What the first member predicts on a fold, by fold and noise; not all of them where that is much. */
  readonly #firstOutputs = new Map<string, Float32Array>();
  #keptBytes = 0;

  constructor(private readonly input: FoldInput) {}

  /**
   * Trains a `robust` network for each input noise (the request's, where it names one) and fold that `known` lacks, and
   * yields how well it predicts the fold.
   */
  async *sums(known: readonly FoldSums[]): AsyncGenerator<FoldSums, void> {
    const { inputNoise: asked } = this.input.request;
    for (const fold of this.#folds()) {
      const mean_O = columnMeans(fold.fit.target_NO, fold.fit.pixels.length);
      for (const inputNoise of asked === undefined ? NOISES : [asked]) {
        if (known.some((sums) => sums.fold === fold.index && sums.inputNoise === inputNoise)) continue;
        const output_NO = await this.#predict(fold, 0, inputNoise);
        yield { inputNoise, fold: fold.index, ...sumsOf(output_NO, fold.score.target_NO, mean_O) };
      }
    }
  }

  /**
   * The factor that turns the spread of an ensemble's members into a 90 % half-width: mean over the folds of what an
   * ensemble trained without the fold needs there. No part of the region has to be held out for it. undefined without folds.
   */
  async spreadFactor({ slope, inputNoise }: FoldChoice): Promise<number | undefined> {
    const factors: number[] = [];
    for (const fold of this.#folds()) {
      const mean_O = columnMeans(fold.fit.target_NO, fold.fit.pixels.length);
      const stretch = (value: number, at: number) => {
        const mean = mean_O[at % mean_O.length];
        return mean + slope * (value - mean);
      };
      const outputs: Float32Array[] = [];
      for (let member = 0; member < this.input.request.members; member++) {
        outputs.push((await this.#predict(fold, member, inputNoise)).map(stretch));
      }
      factors.push(calibrateSpread(meanAndSpread(outputs), fold.score.target_NO));
    }
    return factors.length > 0 ? factors.reduce((sum, factor) => sum + factor / factors.length, 0) : undefined;
  }

  *#folds(): Generator<Fold, void> {
    const { data, request, cols } = this.input;
    const folds = spatialFolds(data.train.pixels, cols, request.window, FOLDS);
    for (const [index, { fit: fitted, score: scored }] of folds.entries()) {
      const fit = thinPairs(takePairs(data.train, fitted), MOST_FIT_PIXELS);
      const score = thinPairs(takePairs(data.train, scored), MOST_SCORE_PIXELS);
      if (fit.pixels.length >= 2) yield { index, fit, score };
    }
  }

  /** What a network that was trained without the fold predicts there. */
  async #predict(fold: Fold, member: number, inputNoise: number): Promise<Float32Array> {
    const key = `${fold.index} ${inputNoise}`;
    const known = member === 0 && this.#firstOutputs.get(key);
    if (known) return known;
    const output_NO = await predictFold(this.input, fold, await this.#ridge(fold), member, inputNoise);
    if (member === 0 && this.#keptBytes + output_NO.byteLength <= MOST_KEPT_BYTES) {
      this.#firstOutputs.set(key, output_NO);
      this.#keptBytes += output_NO.byteLength;
    }
    return output_NO;
  }

  async #ridge({ index, fit }: Fold): Promise<LinearModel> {
    const known = this.#ridges.get(index);
    if (known) return known;
    const { cols, request: { window } } = this.input;
    const ridge = await chosenRidge(fit, { cols, window, pause: pauseOf(this.input) });
    this.#ridges.set(index, ridge);
    return ridge;
  }
}

interface Fold {
  index: number;
  fit: PairSet;
  score: PairSet;
}

async function predictFold(
  input: FoldInput,
  { index, fit, score }: Fold,
  ridge: LinearModel,
  member: number,
  inputNoise: number,
): Promise<Float32Array> {
  const { data, engine, network } = input;
  const seed = mixSeed(input.seed, -1 - index - FOLDS * member);
  // The curves of test and guard losses are not looked at here.
  const [test, guardWeight_NO] = [thinPairs(score, 1), new Float32Array(data.outputSize).fill(1)];
  const few = { ...data, train: fit, test, guard: test, guardWeight_NO };
  const start = robustStart(network, seed, fit.input_NI, ridge);
  const state = await lastState({ ...input, seed, start, data: few, inputNoise });
  const session = await engine.open(network, state);
  try {
    return (await predictAll(session, score.input_NI, data.inputSize, pauseOf(input))).output_NO;
  } finally {
    await session.close();
  }
}

function pauseOf({ signal, nowMs, yieldToPredictions }: FoldInput): Pause {
  return createPause(signal, nowMs, undefined, yieldToPredictions);
}

/** The noise with the least error after stretching; undefined without folds. */
export function choiceOf(sums: readonly FoldSums[]): FoldChoice | undefined {
  const choices = [...new Set(sums.map(({ inputNoise }) => inputNoise))].map((inputNoise) => {
    const of = sums.filter((each) => each.inputNoise === inputNoise);
    const total = (key: "predicted" | "product" | "target") => of.reduce((sum, each) => sum + each[key], 0);
    const [predicted, product, target] = [total("predicted"), total("product"), total("target")];
    const fitted = predicted > 0 ? Math.min(MOST_SLOPE, Math.max(LEAST_SLOPE, product / predicted)) : 1;
    const explained = (slope: number) => target > 0 ? (2 * slope * product - slope ** 2 * predicted) / target : 0;
    const slope = explained(fitted) < LEAST_R2 ? LEAST_SLOPE : fitted;
    return { inputNoise, slope, r2: explained(slope) };
  });
  return choices.toSorted((a, b) => b.r2 - a.r2 || b.inputNoise - a.inputNoise).at(0);
}

/** The same network with predictions stretched around `mean_O`, the mean training target. */
export function stretched(state: NetworkState, slope: number, mean_O: Float64Array): NetworkState {
  const result = copyState(state);
  const dataOf = (name: string) => result.get(name)!.data;
  for (const name of ["linear_dec.weight", "linear_dec.bias", "dec_out.weight", "dec_out.bias"]) {
    dataOf(name).forEach((value, i, all) => all[i] = slope * value);
  }
  dataOf("linear_dec.bias").forEach((value, o, all) => all[o] = value + (1 - slope) * mean_O[o]);
  return result;
}

async function lastState(input: MemberInput): Promise<NetworkState> {
  let state: NetworkState | undefined;
  for await (const event of trainMember(input)) {
    if (event.kind === "epoch" && event.epoch === input.request.epochs) state = (await event.progress()).state.network;
  }
  return state!;
}

function sumsOf(predicted_NO: Float32Array, target_NO: Float32Array, mean_O: Float64Array) {
  const sums = { predicted: 0, product: 0, target: 0 };
  for (let i = 0; i < target_NO.length; i++) {
    const mean = mean_O[i % mean_O.length];
    const [predicted, target] = [predicted_NO[i] - mean, target_NO[i] - mean];
    sums.predicted += predicted * predicted;
    sums.product += predicted * target;
    sums.target += target * target;
  }
  return sums;
}
