import { conflict, malformed } from "../../base/errors.ts";
import type { NetworkState, TrainingState } from "../../compute/engine.ts";
import type { HeldOutScores } from "../../schemas/model.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";

/** What one member of an ensemble has come to; a single model is member 0. */
export interface MemberProgress {
  /** Epochs done. */
  epoch: number;
  best?: { network: NetworkState; epoch: number; guardLoss: number };
  history: { trainLoss: number[]; testLoss: number[] };
}

/** One network that was trained without one spatial fold of the training part, and what it predicts there. */
export interface FoldSums {
  inputNoise: number;
  fold: number;
  /** Sums of squares and products of predictions and targets, both less the mean of what was trained on. */
  predicted: number;
  product: number;
  target: number;
}

/** All that a training needs to go on as if it had not been interrupted. */
export interface Checkpoint {
  /** What was asked for, on which data; another request must not go on from here. */
  fingerprint: string;
  /** Members that are done, each with its best and last weights. */
  done: (MemberProgress & { last: NetworkState })[];
  /** The member that was being trained; absent between members. */
  current?: MemberProgress & { state: TrainingState };
  /** Of the `robust` recipe: fold trainings that are done. */
  folds?: FoldSums[];
  /** Of the trainings for validation, those that are done: sides or cubes in their order. */
  validated?: HeldOutScores[];
  /** Seconds worked so far. */
  seconds: number;
}

interface CheckpointHeader {
  fingerprint: string;
  seconds: number;
  folds?: FoldSums[];
  validated?: HeldOutScores[];
  done: HeaderProgress[];
  current?: HeaderProgress & { step: number };
}
type HeaderProgress = Pick<MemberProgress, "epoch" | "history"> & { best?: { epoch: number; guardLoss: number } };

/** As a safetensors file: weights and moments under prefixed names, everything else as JSON in its metadata. */
export function writeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const tensors: NetworkState = new Map();
  const put = (prefix: string, state: NetworkState | undefined) =>
    state?.forEach((tensor, name) => tensors.set(`${prefix}/${name}`, tensor));
  checkpoint.done.forEach((member, i) => {
    put(`done${i}.best`, member.best?.network);
    put(`done${i}.last`, member.last);
  });
  const { current } = checkpoint;
  put("current.network", current?.state.network);
  put("current.adamM", current?.state.adamM);
  put("current.adamV", current?.state.adamV);
  put("current.best", current?.best?.network);
  const header: CheckpointHeader = {
    fingerprint: checkpoint.fingerprint,
    seconds: checkpoint.seconds,
    ...(checkpoint.folds ? { folds: checkpoint.folds } : {}),
    ...(checkpoint.validated ? { validated: checkpoint.validated } : {}),
    done: checkpoint.done.map(headerOf),
    ...(current ? { current: { ...headerOf(current), step: current.state.step } } : {}),
  };
  return writeSafetensors(tensors, { checkpoint: JSON.stringify(header) });
}

/** Throws `checkpoint_malformed` for what `writeCheckpoint` did not write, `checkpoint_mismatch` for another request's. */
export function readCheckpoint(bytes: Uint8Array, fingerprint: string): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata.checkpoint === undefined) throw malformed("checkpoint_malformed", "Checkpoint has no header");
  const header: CheckpointHeader = JSON.parse(metadata.checkpoint);
  if (header.fingerprint !== fingerprint) {
    throw conflict("checkpoint_mismatch", "Checkpoint belongs to another request, cube or base model");
  }
  const take = (prefix: string): NetworkState => {
    const state: NetworkState = new Map();
    for (const [name, { shape, data }] of tensors) {
      if (name.startsWith(`${prefix}/`)) {
        state.set(name.slice(prefix.length + 1), { shape, data: data as Float32Array });
      }
    }
    return state;
  };
  const progress = (met: HeaderProgress, prefix: string): MemberProgress => ({
    epoch: met.epoch,
    history: met.history,
    ...(met.best ? { best: { ...met.best, network: take(prefix) } } : {}),
  });
  return {
    fingerprint,
    seconds: header.seconds,
    ...(header.folds ? { folds: header.folds } : {}),
    ...(header.validated ? { validated: header.validated } : {}),
    done: header.done.map((met, i) => ({ ...progress(met, `done${i}.best`), last: take(`done${i}.last`) })),
    ...(header.current
      ? {
        current: {
          ...progress(header.current, "current.best"),
          state: {
            network: take("current.network"),
            adamM: take("current.adamM"),
            adamV: take("current.adamV"),
            step: header.current.step,
          },
        },
      }
      : {}),
  };
}

function headerOf({ epoch, history, best }: MemberProgress): HeaderProgress {
  return { epoch, history, ...(best ? { best: { epoch: best.epoch, guardLoss: best.guardLoss } } : {}) };
}
