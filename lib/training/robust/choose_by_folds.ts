import type { NetworkState } from "../../compute/engine.ts";
import type { FoldSums } from "../artifact/checkpoint.ts";
import { columnMeans } from "../baselines/ridge.ts";
import { chosenRidge } from "../baselines/baselines.ts";
import { spatialFolds } from "../baselines/spatial_folds.ts";
import { mixSeed } from "../epoch_batches.ts";
import { createPause } from "../pause.ts";
import { robustStart } from "./robust_start.ts";
import { predictAll } from "../session_loss.ts";
import { takePairs, thinPairs } from "../take_pairs.ts";
import { type MemberInput, trainMember } from "../train_member.ts";

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

/**
 * Trains a `robust` network for each input noise and spatial fold of the training part that `known` lacks, and yields how
 * well it predicts the fold. Nothing outside the training part is looked at.
 */
export async function* foldTrainings(
  input: Omit<MemberInput, "start"> & { cols: number },
  known: readonly FoldSums[],
): AsyncGenerator<FoldSums, void> {
  const { data, network, engine, request, cols, signal, nowMs } = input;
  const pause = createPause(signal, nowMs, undefined, input.yieldToPredictions);
  const folds = spatialFolds(data.train.pixels, cols, request.window, FOLDS);
  for (const [fold, { fit: fitted, score: scored }] of folds.entries()) {
    const fit = thinPairs(takePairs(data.train, fitted), MOST_FIT_PIXELS);
    const score = thinPairs(takePairs(data.train, scored), MOST_SCORE_PIXELS);
    if (fit.pixels.length < 2) continue;
    // The curves of test and guard losses are not looked at here.
    const [test, guardWeight_NO] = [thinPairs(score, 1), new Float32Array(data.outputSize).fill(1)];
    const few = { test, guard: test, guardWeight_NO };
    const ridge = await chosenRidge(fit, { cols, window: request.window, pause });
    for (const inputNoise of NOISES) {
      if (known.some((sums) => sums.fold === fold && sums.inputNoise === inputNoise)) continue;
      const seed = mixSeed(input.seed, -1 - fold);
      const start = robustStart(network, seed, fit.input_NI, ridge);
      const state = await lastState({ ...input, seed, start, data: { ...data, ...few, train: fit }, inputNoise });
      const session = await engine.open(network, state);
      try {
        const { output_NO } = await predictAll(session, score.input_NI, data.inputSize, pause);
        yield {
          inputNoise,
          fold,
          ...sumsOf(output_NO, score.target_NO, columnMeans(fit.target_NO, fit.pixels.length)),
        };
      } finally {
        await session.close();
      }
    }
  }
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
  const result = new Map([...state].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
  const dataOf = (name: string) => result.get(name)!.data;
  for (const name of ["linear_dec.weight", "linear_dec.bias", "dec_out.weight", "dec_out.bias"]) {
    dataOf(name).forEach((value, i, all) => all[i] = slope * value);
  }
  dataOf("linear_dec.bias").forEach((value, o, all) => all[o] = value + (1 - slope) * mean_O[o]);
  return result;
}

async function lastState(input: MemberInput): Promise<NetworkState> {
  let state: NetworkState | undefined;
  for await (const { progress } of trainMember(input)) state = progress.state.network;
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
