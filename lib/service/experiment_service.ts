import { type Clock, toTimestamp } from "../base/clock.ts";
import { conflict, missing, unprocessable } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import { ndArray, type ResultTree } from "../base/nd_array.ts";
import { nearestStep } from "../cube/nearest_step.ts";
import { advise, LEAST_POINTS, targetValues } from "../experiments/advise.ts";
import { pixelFeatures } from "../experiments/pixel_features.ts";
import { encodeNpz } from "../formats/numpy/npz.ts";
import { ChangeNotifier } from "../jobs/queue/change_notifier.ts";
import type { WorkerPool } from "../jobs/processes/worker_pool.ts";
import type { Axis } from "../schemas/cube.ts";
import type { ExperimentRequest, ExperimentView, MeasurementsRequest } from "../schemas/experiment.ts";
import { trainRequestSchema } from "../schemas/job.ts";
import { withRecipeDefaults } from "../schemas/recipe.ts";
import type { StoredExperiment } from "../store/ports/experiment_store.ts";
import type { Store } from "../store/ports/store.ts";
import type { Quotas } from "./quotas.ts";
import type { Caller, CubeService, ExperimentService, JobService, PageRequest, StreamEvent } from "./services.ts";

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

/** Points that a refit chooses ahead, so that answers need not wait for the next one. */
const AHEAD = 8;
const MOST_PIXELS = 2 ** 18;
const IDLE_MS = 60_000;
/** Experiments that one caller may have. */
const MOST_EACH = 1000;

/** What is known of an experiment's model in this process. */
interface Running {
  trainedOn: number;
  readyMs: number;
  /** Points that the model proposes, best first. */
  ahead: { pixel: number; score: number }[];
  refit?: Promise<void>;
  events: StreamEvent[];
}

/** Experiments: measurements are durable when answered; models are refitted in the background from what is stored. */
export function createExperimentService(options: ExperimentServiceOptions): ExperimentService {
  const { store, analysis, cubes, jobs, quotas, clock, stopping } = options;
  const running = new Map<string, Running>();
  const changes = new ChangeNotifier();

  async function require(id: string): Promise<StoredExperiment> {
    const found = await store.experiments.get(id);
    if (!found) throw missing("experiment_missing", `There is no experiment ${id}`);
    return found;
  }

  function stateOf(id: string): Running {
    const known = running.get(id) ?? { trainedOn: 0, readyMs: 0, ahead: [], events: [] };
    running.set(id, known);
    return known;
  }

  function view(record: StoredExperiment): ExperimentView {
    const { history: _, axis: __, quantity: ___, unit: ____, pixel: _____, ...shown } = record;
    const state = running.get(record.id);
    const ageMs = state && Math.round(clock.nowMs() - state.readyMs);
    return { ...shown, ...(state?.trainedOn ? { model: { trainedOn: state.trainedOn, ageMs: ageMs! } } : {}) };
  }

  function tell(id: string, event: string, value: unknown): void {
    const { events } = stateOf(id);
    events.push({ sequence: (events.at(-1)?.sequence ?? 0) + 1, event, json: JSON.stringify(value) });
    if (events.length > 256) events.shift();
    changes.notify(id);
  }

  /** One refit at a time; what comes meanwhile is learned by the next. */
  function refit(id: string): void {
    const state = stateOf(id);
    state.refit ??= learn(id, state).catch(() => {}).finally(async () => {
      state.refit = undefined;
      const record = await store.experiments.get(id).catch(() => undefined);
      if (record?.state === "open" && record.measured > state.trainedOn && !stopping.aborted) refit(id);
    });
  }

  async function learn(id: string, state: Running): Promise<void> {
    const record = await require(id);
    const startedMs = clock.nowMs();
    const advice = await analysis.call("experimentAdvice", {
      ...await taskOf(record),
      strategy: record.strategy,
      target: record.target as ResultTree,
      axis: axisValues(record),
      learned: state.trainedOn,
      count: AHEAD * record.batch,
    }, { signal: stopping }) as { pixels: number[]; scores: number[]; trainedOn: number; before?: ResultTree };
    const { pixels, scores, trainedOn, before } = advice;
    Object.assign(state, { trainedOn, readyMs: clock.nowMs() });
    state.ahead = pixels.map((pixel, i) => ({ pixel, score: scores[i] }));
    const seconds = (clock.nowMs() - startedMs) / 1000;
    const entry = { measured: trainedOn, ...(before ? { before: before as never } : {}), seconds };
    await store.experiments.update(id, (now) => ({ ...now, history: [...now.history, entry] }));
    tell(id, "model", entry);
  }

  async function taskOf(record: StoredExperiment) {
    const { id, shape: [rows, cols], window, seed } = record;
    const { pixels, values_NS } = await store.experiments.points(id);
    const image = await store.experiments.image(id);
    return {
      ...{ id, rows, cols, window, seed },
      image: ndArray(image, [rows, cols]),
      pixels: ndArray(pixels, [pixels.length]),
      values: ndArray(values_NS, [pixels.length, pixels.length > 0 ? values_NS.length / pixels.length : 0]),
    };
  }

  /** The next points from the newest model that is ready; those that were handed out or measured are left out. */
  async function nextOf(record: StoredExperiment, known: Set<number>, count: number) {
    const [, cols] = record.shape;
    const place = (pixel: number, score: number) => ({ row: Math.floor(pixel / cols), col: pixel % cols, score });
    const ready = stateOf(record.id).ahead.filter(({ pixel }) => !known.has(pixel)).slice(0, count);
    if (ready.length === Math.min(count, record.shape[0] * cols - known.size)) {
      return ready.map(({ pixel, score }) => place(pixel, score));
    }
    const image_HW = await store.experiments.image(record.id);
    const features = pixelFeatures(image_HW, record.shape[0], cols, record.window);
    const taken = Int32Array.from([...known, ...ready.map(({ pixel }) => pixel)]);
    const { points } = advise({
      ...{ features, seed: record.seed, axis: [], learned: 0, count: count - ready.length },
      strategy: record.strategy === "random" ? "random" : "space",
      measured: { pixels: taken, values_NO: new Float64Array(taken.length) },
    });
    return [...ready, ...points].map(({ pixel, score }) => place(pixel, score));
  }

  return {
    async open(request, caller) {
      const started = await start(request);
      const { image_HW, shape } = started;
      const { name, window, latent, strategy, target, batch, seed, cube } = request;
      const record: StoredExperiment = {
        ...{ id: newId<string>("exp", clock.nowMs()), name, state: "open", shape, window, latent, strategy, target },
        ...{ batch, seed, cube, createdAt: toTimestamp(clock.nowMs()), measured: 0, next: [], history: [] },
        ...started.spectra,
      };
      if (strategy === "target") checkTarget(record);
      record.next = firstPoints(record, image_HW);
      await store.experiments.add(record, image_HW, quotas.ownerOf(caller), MOST_EACH);
      return view(record);
    },
    async get(id) {
      return view(await require(id));
    },
    async owns(id, caller) {
      await require(id);
      return await store.experiments.ownerOf(id) === quotas.ownerOf(caller);
    },
    async list(page: PageRequest) {
      const { items, ...rest } = await store.experiments.list(page);
      return { items: items.map(view), ...rest };
    },
    async measure(id, request) {
      const record = await require(id);
      if (record.state !== "open") throw conflict("experiment_finished", `Experiment ${id} is finished`);
      const added = await pointsOf(record, request);
      const before = await store.experiments.points(id);
      const known = new Set([...before.pixels, ...added.pixels]);
      const next = await nextOf(record, known, record.batch);
      const points = added.values_NS.length / added.pixels.length;
      const after = await store.experiments.measure(id, added, (now) => {
        if (now.points !== null && now.points !== points) throw wrongLength(now.points, points, request.points[0]);
        return { ...now, points, measured: now.measured + added.pixels.length, next };
      });
      tell(id, "batch", { measured: after.measured, points: added.pixels.length });
      refit(id);
      const { measured, model } = view(after);
      return { measured, next: after.next, ...(model ? { model } : {}) };
    },
    async next(id, count) {
      const record = await require(id);
      if (count === undefined || count <= record.next.length) return record.next.slice(0, count);
      const { pixels } = await store.experiments.points(id);
      const [, cols] = record.shape;
      const known = new Set([...pixels, ...record.next.map(({ row, col }) => row * cols + col)]);
      return [...record.next, ...await nextOf(record, known, count - record.next.length)];
    },
    async prediction(id, caller) {
      const record = await require(id);
      if (record.measured < LEAST_POINTS) {
        const detail = `Experiment ${id} has ${record.measured} measured points; expected at least ${LEAST_POINTS}`;
        throw conflict("no_model_yet", detail);
      }
      const made = await analysis.call("experimentPrediction", await taskOf(record), { signal: caller.signal });
      return { ...made as { [name: string]: ResultTree }, axis: record.axis as ResultTree ?? null };
    },
    async history(id) {
      return { batches: (await require(id)).history };
    },
    async *events(id, after, signal) {
      await require(id);
      const ended = AbortSignal.any([signal, stopping]);
      let seen = after;
      while (!ended.aborted) {
        const fresh = stateOf(id).events.filter(({ sequence }) => sequence > seen);
        if (fresh.length > 0) {
          yield fresh;
          seen = fresh.at(-1)!.sequence;
          if (fresh.at(-1)!.event === "done") return;
        } else await changes.next(id, IDLE_MS, ended);
      }
    },
    async waitFor(id, measured, timeoutMs, signal) {
      const until = clock.nowMs() + timeoutMs;
      const ended = AbortSignal.any([signal, stopping]);
      while (!ended.aborted && stateOf(id).trainedOn < measured && clock.nowMs() < until) {
        await changes.next(id, until - clock.nowMs(), ended);
      }
      return view(await require(id));
    },
    async finish(id, { saveAs }, caller) {
      const record = await require(id);
      if (record.result) return view(record);
      if (record.measured === 0) {
        throw conflict("nothing_measured", `Experiment ${id} has no measured point; expected at least one`);
      }
      const cube = await finishedCube(record, caller);
      const job = saveAs === undefined ? undefined : await trainOn(record, cube, saveAs, caller);
      const after = await store.experiments.update(
        id,
        (now) => ({ ...now, state: "finished", next: [], result: { cube, job } }),
      );
      tell(id, "state", { state: "finished" });
      tell(id, "done", { state: "finished", ...after.result });
      return view(after);
    },
    async remove(id) {
      await require(id);
      await store.experiments.remove(id);
      running.delete(id);
    },
  };

  async function start({ cube, image, axis, quantity, unit, pixel }: ExperimentRequest) {
    if ((cube === undefined) === (image === undefined)) {
      throw unprocessable("image_or_cube", "Received both or neither of cube and image; expected one of them");
    }
    if (cube !== undefined) return await startRehearsal(cube);
    const [rows, cols] = image!.shape;
    const data = image!.data;
    if (data.length !== rows * cols) {
      throw unprocessable("shape_mismatch", `Image has ${data.length} values; expected ${rows} x ${cols}`);
    }
    const broken = data.findIndex((value) => value === null || !Number.isFinite(value));
    if (broken >= 0) {
      const place = `row ${Math.floor(broken / cols)}, column ${broken % cols}`;
      throw unprocessable("not_finite", `Image has no finite value at ${place}; expected one for every pixel`);
    }
    if (data.every((value) => value === data[0])) {
      throw unprocessable("constant_image", `Every pixel of the image is ${data[0]}; expected an image that varies`);
    }
    if (axis && !("values" in axis)) {
      throw unprocessable(
        "axis_values",
        "The axis has start and stop; expected its values, one for each spectral step",
      );
    }
    const known: Axis | undefined = axis && { name: axis.name, unit: axis.unit, values: axis.values };
    return {
      image_HW: Float32Array.from(data as number[]),
      shape: [rows, cols] as [number, number],
      spectra: { points: known?.values.length ?? null, axis: known, quantity: quantity ?? "", unit: unit ?? "", pixel },
    };
  }

  async function startRehearsal(id: string) {
    const cube = await store.cubes.open(id);
    const [rows, cols, points] = cube.shape;
    if (rows * cols > MOST_PIXELS) {
      throw unprocessable(
        "map_too_large",
        `The map is ${rows} x ${cols} pixels; expected at most ${MOST_PIXELS} in all`,
      );
    }
    const image_HW = await cube.readMap(nearestStep(cube.axes.spectral.values, 0));
    const { quantity, unit } = cube;
    return {
      image_HW,
      shape: [rows, cols] as [number, number],
      spectra: { points, axis: cube.axes.spectral, quantity, unit },
    };
  }

  function firstPoints(record: StoredExperiment, image_HW: Float32Array) {
    const [rows, cols] = record.shape;
    const { points } = advise({
      ...{ features: pixelFeatures(image_HW, rows, cols, record.window), axis: [], learned: 0 },
      ...{ strategy: record.strategy, seed: record.seed, count: record.batch },
      measured: { pixels: new Int32Array(), values_NO: new Float64Array() },
    });
    return points.map(({ pixel }) => ({ row: Math.floor(pixel / cols), col: pixel % cols }));
  }

  /** The request's points, whole and checked, the first fault named. */
  async function pointsOf(record: StoredExperiment, { points }: MeasurementsRequest) {
    const [rows, cols] = record.shape;
    const cube = record.cube === undefined ? undefined : await store.cubes.open(record.cube);
    const seen = new Set<number>();
    const spectra: Float32Array[] = [];
    for (const point of points) {
      const { row, col, values } = point;
      const place = `Point at row ${row}, column ${col}`;
      if (row >= rows || col >= cols) {
        throw unprocessable(
          "outside_map",
          `${place} is off the map; expected rows 0 to ${rows - 1}, columns 0 to ${cols - 1}`,
        );
      }
      if (seen.has(row * cols + col)) throw unprocessable("point_twice", `${place} is there twice; expected it once`);
      seen.add(row * cols + col);
      if (cube && values) throw unprocessable("rehearsal_values", `${place} has values; expected none in a rehearsal`);
      if (!cube && !values) throw unprocessable("values_missing", `${place} has no values; expected its spectrum`);
      const spectrum = cube ? await cube.readSpectra(row, col, 1) : Float32Array.from(values!);
      if (!spectrum.every(Number.isFinite)) {
        throw unprocessable("not_finite", `${place} has a value that is not finite`);
      }
      const wanted = record.points ?? spectra[0]?.length ?? spectrum.length;
      if (spectrum.length !== wanted) throw wrongLength(wanted, spectrum.length, point);
      spectra.push(spectrum);
    }
    const length = spectra[0].length;
    const values_NS = new Float32Array(spectra.length * length);
    spectra.forEach((spectrum, n) => values_NS.set(spectrum, n * length));
    return { pixels: Int32Array.from(seen), values_NS };
  }

  /** A cube of what was measured; the rest is NaN, which reading marks in the mask. The image comes along as a channel. */
  async function finishedCube(record: StoredExperiment, caller: Caller): Promise<string> {
    const { shape: [rows, cols], axis, quantity, unit, pixel, name } = record;
    const { pixels, values_NS } = await store.experiments.points(record.id);
    const points = values_NS.length / pixels.length;
    const values = new Float32Array(rows * cols * points).fill(NaN);
    pixels.forEach((at, n) => values.set(values_NS.subarray(n * points, (n + 1) * points), at * points));
    const image = ndArray(await store.experiments.image(record.id), [rows, cols]);
    const file = encodeNpz({ measured: ndArray(values, [rows, cols, points]), image });
    const body = new Blob([file]).stream();
    const given = {
      ...(axis ? { axis: { name: axis.name || "step", unit: axis.unit, values: axis.values } } : {}),
      ...(quantity ? { quantity } : {}),
      ...(unit ? { unit } : {}),
      ...(pixel ? { pixel } : {}),
    };
    const { cube } = await cubes.add(body, { name, dataset: "measured", repair: "off", ...given }, caller);
    return cube.id;
  }

  async function trainOn(record: StoredExperiment, cube: string, saveAs: string, caller: Caller): Promise<string> {
    const { window, latent, seed } = record;
    const body = {
      kind: "train",
      direction: "im2spec",
      recipe: "robust",
      cube,
      map: "image",
      window,
      latent,
      seed,
      saveAs,
    };
    const request = trainRequestSchema.parse(withRecipeDefaults(body));
    return (await jobs.submit(request, { ...caller, idempotencyKey: undefined })).id;
  }
}

function wrongLength(wanted: number, met: number, { row, col }: { row: number; col: number }) {
  const detail = `Point at row ${row}, column ${col} has ${met} values; expected ${wanted}, as the others`;
  return unprocessable("spectrum_length", detail);
}

function axisValues({ axis, points }: StoredExperiment): number[] {
  return axis?.values ?? Array.from({ length: points ?? 0 }, (_, i) => i);
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
