import { type Clock, toTimestamp } from "../../base/clock.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import type { WorkerPool } from "../../jobs/processes/worker_pool.ts";
import type { BatchHistory, Strategy } from "../../schemas/experiment.ts";
import type { StoredExperiment } from "../../store/ports/experiment_store.ts";
import type { Store } from "../../store/ports/store.ts";
import type { ExperimentEvents } from "./experiment_events.ts";
import { withProposals } from "./proposals.ts";

export interface LearnerOptions {
  store: Store;
  analysis: WorkerPool;
  events: ExperimentEvents;
  clock: Clock;
  stopping: AbortSignal;
}

interface Advice {
  pixels: number[];
  scores: number[];
  trainedOn: number;
  /** Pixels of the map that are forbidden. */
  forbidden: number;
  before?: BatchHistory["before"];
  map?: BatchHistory["map"];
}

/** Batches that are chosen ahead, so that answers need not wait for the next refit. */
const BATCHES_AHEAD = 8;
const NEEDS_NO_MODEL: Strategy[] = ["random", "grid", "novelty"];

/** Refits the models of experiments in the analysis processes, and keeps the points that they propose in the record. */
export class ExperimentLearner {
  readonly #refits = new Map<string, Promise<void>>();

  constructor(private readonly options: LearnerOptions) {}

  /** Starts a refit where there is something new to learn and none is running; what comes meanwhile is learned by the next. */
  catchUp({ id, state, measured, model }: StoredExperiment): void {
    if (state !== "open" || measured === (model?.trainedOn ?? 0) || this.#refits.has(id)) return;
    if (this.options.stopping.aborted) return;
    const refit = this.#learn(id).then(() => true, () => false).then(async (isLearned) => {
      this.#refits.delete(id);
      const record = isLearned && await this.options.store.experiments.get(id).catch(() => undefined);
      if (record) this.catchUp(record);
    });
    this.#refits.set(id, refit);
  }

  /** Points of a new experiment, chosen by its image alone. */
  async firstPoints(
    record: StoredExperiment,
    image_HW: Float32Array,
    caller: string,
  ): Promise<Pick<StoredExperiment, "ahead" | "forbiddenPixels">> {
    const task = { ...taskOf(record, image_HW), ...noValues(new Int32Array()), strategy: record.strategy };
    const advice = await this.#advise({ ...task, count: BATCHES_AHEAD * record.batch }, caller);
    return { ahead: pointsOf(advice), forbiddenPixels: advice.forbidden || undefined };
  }

  /** Adds points ahead without waiting for a model, so that there are at least `count`; fewer where the map has no more. */
  async proposeAtLeast(record: StoredExperiment, count: number): Promise<StoredExperiment> {
    const { experiments } = this.options.store;
    const pixels = await experiments.pixels(record.id);
    const task = taskOf(record, await experiments.image(record.id));
    const advice = await this.#advise({
      ...task,
      ...noValues(pixels),
      pending: arrayOf([...record.given, ...record.ahead.map(({ pixel }) => pixel)]),
      strategy: NEEDS_NO_MODEL.includes(record.strategy) ? record.strategy : "space",
      count: Math.max(count, BATCHES_AHEAD * record.batch) - record.ahead.length,
    });
    return await this.#update(record.id, (now, measured) => {
      const known = new Set(now.ahead.map(({ pixel }) => pixel));
      const more = pointsOf(advice).filter(({ pixel }) => !known.has(pixel));
      return withProposals(now, [...now.ahead, ...more], measured);
    });
  }

  async #learn(id: string): Promise<void> {
    const { store: { experiments, cubes }, clock, events } = this.options;
    const record = await experiments.get(id);
    if (!record) return;
    const startedMs = clock.nowMs();
    const { pixels, values_NS } = await experiments.points(id);
    const advice = await this.#advise({
      ...taskOf(record, await experiments.image(id)),
      pixels: ndArray(pixels, [pixels.length]),
      values: ndArray(values_NS, [pixels.length, values_NS.length / pixels.length]),
      strategy: record.strategy,
      target: record.target as ResultTree,
      axis: axisValues(record),
      learned: record.model?.trainedOn ?? 0,
      count: BATCHES_AHEAD * record.batch,
      ...(record.cube === undefined ? {} : { cubeFolder: await cubes.localFolder(record.cube) }),
    });
    const { trainedOn, before, map } = advice;
    const readyMs = clock.nowMs();
    const compared = { ...(before ? { before } : {}), ...(map ? { map } : {}) };
    const entry = { measured: trainedOn, ...compared, seconds: (readyMs - startedMs) / 1000 };
    const after = await this.#update(id, (now, measured) => {
      if (now.state !== "open" || (now.model?.trainedOn ?? 0) >= trainedOn) return now;
      const model = { trainedOn, readyAt: toTimestamp(readyMs) };
      return withProposals({ ...now, model, history: [...now.history, entry] }, pointsOf(advice), measured);
    });
    if (after.model?.trainedOn === trainedOn) events.add(id, "model", entry);
  }

  async #advise(task: { [name: string]: ResultTree }, caller?: string): Promise<Advice> {
    const signal = this.options.stopping;
    return await this.options.analysis.call("experimentAdvice", task, { signal, caller }) as unknown as Advice;
  }

  /** A change that knows which pixels are measured: repeated where some were measured between the two. */
  async #update(
    id: string,
    change: (now: StoredExperiment, measured: Int32Array) => StoredExperiment,
  ): Promise<StoredExperiment> {
    const { experiments } = this.options.store;
    while (true) {
      const measured = await experiments.pixels(id);
      let isCurrent = false;
      const after = await experiments.update(id, (now) => {
        isCurrent = now.measured === measured.length;
        return isCurrent ? change(now, measured) : now;
      });
      if (isCurrent) return after;
    }
  }
}

/** Values of the spectral axis; indices where it is not known. */
export function axisValues({ axis, points }: StoredExperiment): number[] {
  return axis?.values ?? Array.from({ length: points ?? 0 }, (_, i) => i);
}

/** What every task knows of an experiment. */
export function taskOf(record: StoredExperiment, image_HW: Float32Array) {
  const { id, shape: [rows, cols], window, seed, given, forbidden = [] } = record;
  return { id, rows, cols, window, seed, forbidden, image: ndArray(image_HW, [rows, cols]), pending: arrayOf(given) };
}

function noValues(pixels: Int32Array) {
  const values = ndArray(new Float32Array(), [pixels.length, 0]);
  return { pixels: ndArray(pixels, [pixels.length]), values, axis: [], learned: 0 };
}

function arrayOf(pixels: number[]) {
  return ndArray(Int32Array.from(pixels), [pixels.length]);
}

function pointsOf({ pixels, scores }: Advice): StoredExperiment["ahead"] {
  return pixels.map((pixel, i) => ({ pixel, score: scores[i] }));
}
