import { type Clock, toTimestamp } from "../../base/clock.ts";
import { conflict, missing, unprocessable } from "../../base/errors.ts";
import { newId } from "../../base/ids.ts";
import { ndArray, type ResultTree } from "../../base/nd_array.ts";
import { LEAST_POINTS, targetValues } from "../../experiments/advise.ts";
import type { WorkerPool } from "../../jobs/processes/worker_pool.ts";
import type { ExperimentRequest } from "../../schemas/experiment.ts";
import type { StoredExperiment } from "../../store/ports/experiment_store.ts";
import type { Store } from "../../store/ports/store.ts";
import type { Quotas } from "../quotas.ts";
import type { CubeService, ExperimentService, JobService } from "../services.ts";
import { submissionKey } from "../submission_key.ts";
import { ExperimentEvents } from "./experiment_events.ts";
import { axisValues, ExperimentLearner, taskOf } from "./experiment_learner.ts";
import { experimentView } from "./experiment_view.ts";
import { finishExperiment } from "./finish_experiment.ts";
import { type OpenedMap, openedMap } from "./opened_map.ts";
import { handOut, placeOf, pointsLeft, withMeasured } from "./proposals.ts";
import { requestedPoints, wrongLength } from "./requested_points.ts";

export interface ExperimentServiceOptions {
  store: Store;
  analysis: WorkerPool;
  cubes: CubeService;
  jobs: JobService;
  quotas: Quotas;
  clock: Clock;
  /** Fires when the service stops, and ends every watch. */
  stopping: AbortSignal;
}

/** Experiments that one caller may have. */
const MOST_EACH = 1000;
/** Answers that are given again to a repeated call. */
const MOST_ANSWERS = 4;
/** Values of a prediction of all steps at most. */
const MOST_PREDICTED = 2 ** 24;
/** Longest time between two looks at the record of an experiment that is waited for: another process may have changed it. */
const LOOK_AGAIN_MS = 2000;

/** Experiments: measurements are durable when answered; models are refitted in the background from what is stored. */
export function createExperimentService(options: ExperimentServiceOptions): ExperimentService {
  const { store, analysis, cubes, jobs, quotas, clock, stopping } = options;
  const { experiments } = store;
  const events = new ExperimentEvents(clock);
  const learner = new ExperimentLearner({ store, analysis, events, clock, stopping });

  /** The record; a refit that a stopped process left undone is started. */
  async function opened(id: string): Promise<StoredExperiment> {
    const found = await experiments.get(id);
    if (!found) throw missing("experiment_missing", `There is no experiment ${id}`);
    learner.catchUp(found);
    return found;
  }

  const view = (record: StoredExperiment) => experimentView(record, clock.nowMs());

  return {
    async open(request, caller) {
      const map = await openedMap(request, store);
      const record = newRecord(request, map, clock.nowMs());
      if (record.strategy === "target") checkTarget(record);
      const proposed = await learner.firstPoints(record, map.image_HW, caller.id);
      if (proposed.ahead.length === 0) {
        throw unprocessable("all_forbidden", "Every pixel of the map is forbidden; expected some that are not");
      }
      const first = handOut({ ...record, ...proposed }, record.batch);
      await experiments.add(first, map.image_HW, quotas.ownerOf(caller), MOST_EACH);
      return view(first);
    },
    async get(id) {
      return view(await opened(id));
    },
    async owns(id, caller) {
      await opened(id);
      return await experiments.ownerOf(id) === quotas.ownerOf(caller);
    },
    async list(page) {
      const { items, ...rest } = await experiments.list(page);
      return { items: items.map((record) => ({ ...view(record), axis: undefined })), ...rest };
    },
    async measure(id, request, caller) {
      let record = await opened(id);
      const key = submissionKey(caller, request);
      const again = key && record.answers.find((answer) => answer.key === key);
      if (again) return { measured: again.measured, next: again.next, pathLength: again.pathLength };
      if (record.state !== "open") throw conflict("experiment_finished", `Experiment ${id} is finished`);
      const added = await requestedPoints(request, record, store);
      const steps = added.values_NS.length / Math.max(1, added.pixels.length);
      if (record.strategy === "target" && record.points === null && steps > 0) {
        checkTarget({ ...record, points: steps });
      }
      const wanted = record.batch + added.pixels.length; // those added may be among the points ahead
      if (record.ahead.length < wanted && pointsLeft(record) > 0) record = await learner.proposeAtLeast(record, wanted);
      const after = await experiments.measure(id, added, (now) => {
        if (now.points !== null && steps !== now.points && steps > 0) {
          throw wrongLength(now.points, steps, request.points[0]);
        }
        const changed = withMeasured(now, added);
        if (!key) return changed;
        const { measured, next, pathLength, answers } = changed;
        return { ...changed, answers: [...answers, { key, measured, next, pathLength }].slice(-MOST_ANSWERS) };
      });
      if (steps > 0) events.add(id, "batch", { measured: after.measured, points: added.pixels.length });
      learner.catchUp(after);
      const { measured, next, pathLength, model } = view(after);
      return { measured, next, pathLength, model };
    },
    async next(id, count) {
      let record = await opened(id);
      const { next, shape: [, cols] } = record;
      const wanted = (count ?? 0) - next.length;
      if (wanted <= 0) return next.slice(0, count);
      if (record.ahead.length < wanted && pointsLeft(record) > 0) record = await learner.proposeAtLeast(record, wanted);
      const ahead = record.ahead.slice(0, wanted);
      return [
        ...next,
        ...ahead.map(({ pixel, score }) => ({ ...placeOf(pixel, cols), score })),
      ];
    },
    async image(id) {
      const { shape } = await opened(id);
      return { image: ndArray(await experiments.image(id), shape) };
    },
    async measurements(id) {
      const { shape: [, cols], points, axis } = await opened(id);
      const { pixels, values_NS } = await experiments.points(id);
      const places = new Int32Array(2 * pixels.length);
      pixels.forEach((pixel, n) => places.set([Math.floor(pixel / cols), pixel % cols], 2 * n));
      return {
        points: ndArray(places, [pixels.length, 2]),
        values: ndArray(values_NS, [pixels.length, pixels.length > 0 ? values_NS.length / pixels.length : points ?? 0]),
        axis: axis as ResultTree ?? null,
      };
    },
    async prediction(id, { index }, caller) {
      const record = await opened(id);
      checkStep(record, index);
      if (record.measured < LEAST_POINTS) {
        const detail = `Experiment ${id} has ${record.measured} measured points; expected at least ${LEAST_POINTS}`;
        throw conflict("no_model_yet", detail);
      }
      const { pixels, values_NS } = await experiments.points(id);
      const task = {
        ...taskOf(record, await experiments.image(id)),
        pixels: ndArray(pixels, [pixels.length]),
        values: ndArray(values_NS, [pixels.length, values_NS.length / pixels.length]),
        ...(index === undefined ? {} : { step: index }),
      };
      const made = await analysis.call("experimentPrediction", task, { signal: caller.signal, caller: caller.id });
      return { ...made as { [name: string]: ResultTree }, axis: record.axis as ResultTree ?? null };
    },
    async history(id) {
      return { batches: (await opened(id)).history };
    },
    async *events(id, after, signal) {
      const { state, result } = await opened(id);
      if (state === "finished" && !events.has(id)) events.add(id, "done", { state, ...result });
      yield* events.watch(id, after, AbortSignal.any([signal, stopping]));
    },
    async waitFor(id, measured, timeoutMs, signal) {
      const until = clock.nowMs() + timeoutMs;
      const ended = AbortSignal.any([signal, stopping]);
      while (true) {
        const record = await opened(id);
        const leftMs = until - clock.nowMs();
        const isDone = record.state === "finished" || (record.model?.trainedOn ?? 0) >= measured;
        if (isDone || ended.aborted || leftMs <= 0) return view(record);
        await events.next(id, Math.min(leftMs, LOOK_AGAIN_MS), ended);
      }
    },
    async finish(id, { saveAs }, caller) {
      const record = await opened(id);
      if (record.result) return view(record);
      if (record.measured === 0) {
        throw conflict("nothing_measured", `Experiment ${id} has no measured point; expected at least one`);
      }
      const result = await finishExperiment(record, { store, cubes, jobs, caller, saveAs });
      const after = await experiments.update(id, (now) => ({ ...now, state: "finished", next: [], result }));
      events.add(id, "state", { state: "finished" });
      events.add(id, "done", { state: "finished", ...result });
      return view(after);
    },
    async remove(id) {
      await opened(id);
      await experiments.remove(id);
      events.add(id, "done", { state: "deleted" });
    },
  };
}

function newRecord(request: ExperimentRequest, { shape, spectra }: OpenedMap, nowMs: number): StoredExperiment {
  const { name, window, latent, strategy, target, batch, seed, cube, forbidden, order } = request;
  return {
    ...{ id: newId<string>("exp", nowMs), name, state: "open", shape, window, latent, batch, seed, cube },
    ...{ strategy, target, forbidden, order, createdAt: toTimestamp(nowMs), measured: 0 },
    ...{ next: [], ahead: [], given: [], answers: [], history: [] },
    ...spectra,
  };
}

/** Refuses a step that is not there, and a prediction of all steps that would fill the memory. */
function checkStep({ points, shape: [rows, cols] }: StoredExperiment, index: number | undefined): void {
  const steps = points ?? 0;
  if (index !== undefined && index >= steps) {
    throw unprocessable("index_outside", `Index is ${index}; expected 0 to ${steps - 1}`);
  }
  if (index === undefined && rows * cols * steps > MOST_PREDICTED) {
    const detail =
      `The prediction has ${rows} x ${cols} x ${steps} values; expected at most ${MOST_PREDICTED}, or an index`;
    throw unprocessable("prediction_too_large", detail);
  }
}

/** Refuses at once a target that the spectra cannot have, where the axis is known. */
function checkTarget(record: StoredExperiment): void {
  const axis = axisValues(record);
  const values_NO = new Float64Array(Math.max(1, axis.length));
  if (axis.length > 0) {
    targetValues({ target: record.target, axis, measured: { pixels: new Int32Array(1), values_NO } });
  } else if (!record.target) {
    targetValues({ target: undefined, axis, measured: { pixels: new Int32Array(), values_NO } });
  }
}
