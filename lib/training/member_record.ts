import type { NetworkState, Snapshot, TrainingState } from "../compute/engine.ts";
import type { MemberProgress } from "./artifact/checkpoint.ts";

export type SavedProgress = MemberProgress & { state: TrainingState };

/** Mean losses of one epoch. */
export interface EpochMeans {
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly guardLoss: number;
}

interface Best {
  readonly epoch: number;
  readonly guardLoss: number;
  readonly kept: { read(): Promise<{ network: NetworkState }>; release(): void };
}

/** What is known of a member after its last whole epoch; the states themselves stay where the engine keeps them. */
export class MemberRecord {
  #epoch = 0;
  #history: MemberProgress["history"] = { trainLoss: [], testLoss: [] };
  #best?: Best;
  #last?: Snapshot;

  /** `lastIsBest`: whatever the guard pixels say. */
  constructor(private readonly lastIsBest: boolean, resumed?: SavedProgress) {
    if (!resumed) return;
    const { epoch, history, best, state } = resumed;
    [this.#epoch, this.#history] = [epoch, history];
    this.#last = held(state);
    if (best) this.#best = { ...best, kept: held({ network: best.network }) };
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** The next epoch, with the state after it. */
  add({ trainLoss, testLoss, guardLoss }: EpochMeans, snapshot: Snapshot): void {
    this.#epoch++;
    const { trainLoss: train, testLoss: test } = this.#history;
    this.#history = { trainLoss: [...train, trainLoss], testLoss: [...test, testLoss] };
    const [before, best] = [this.#last, this.#best];
    this.#last = snapshot;
    if (this.lastIsBest || !best || guardLoss < best.guardLoss) {
      this.#best = { epoch: this.#epoch, guardLoss, kept: snapshot };
      if (best?.kept !== before) best?.kept.release();
    }
    if (before !== this.#best!.kept) before?.release();
  }

  /** Reads what a checkpoint needs. There must be an epoch. */
  async progress(): Promise<SavedProgress> {
    const [last, { kept, ...best }] = [this.#last!, this.#best!];
    const state = await last.read();
    const { network } = kept === last ? state : await kept.read();
    return { epoch: this.#epoch, history: this.#history, best: { ...best, network }, state };
  }
}

function held<T>(state: T): { read(): Promise<T>; release(): void } {
  return { read: () => Promise.resolve(state), release() {} };
}
