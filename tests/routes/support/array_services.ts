import { conflict, LoopscopeError, missing, unprocessable } from "../../../lib/base/errors.ts";
import { newId } from "../../../lib/base/ids.ts";
import { type NdArray, ndArray, type ResultTree, sizeOf } from "../../../lib/base/nd_array.ts";
import { decodeNpy, encodeNpy } from "../../../lib/formats/numpy/npy.ts";
import { bytesSource } from "../../../lib/base/byte_source.ts";
import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { JobRecord } from "../../../lib/schemas/job.ts";
import type {
  CubeService,
  JobService,
  ModelService,
  ModelView,
  Page,
  PageRequest,
  PredictionService,
  ResultService,
  Services,
} from "../../../lib/service/services.ts";

import { memoryUploads } from "./memory_uploads.ts";

/**
 * Services over arrays in memory: cubes are NPY files, the one model multiplies the mean of a 2x2 patch by 1, 2, 3.
 * Small, but everything they answer is computed from what they were given.
 */
export function arrayServices(): Services {
  const cubes = arrayCubes();
  return {
    cubes,
    jobs: recordedJobs(),
    models: oneModel(),
    predictions: meanPredictions(),
    results: directResults(cubes),
    uploads: memoryUploads(),
    experiments: noExperiments(),
    system: {
      describe: () => ({
        version: "0.0.0-test",
        engine: { name: "reference", device: "test", threads: 1 },
        engines: [{ name: "reference", available: true }],
        limits: {},
      }),
      ready: () => ({ ready: true }),
      healthy: () => ({ ready: true }),
    },
  };
}

type StoredCube = { record: CubeRecord; array: NdArray; file?: Uint8Array<ArrayBuffer> };

function arrayCubes(): CubeService & { stored: Map<string, StoredCube> } {
  const stored = new Map<string, StoredCube>();
  const find = (id: string) => {
    const found = stored.get(id);
    if (!found) throw missing("cube_missing", `There is no cube ${id}`);
    return found;
  };
  return {
    stored,
    addFrom: () => Promise.reject(new Error("Nothing is read again here")),
    async add(body, { name = "unnamed" }) {
      const bytes = new Uint8Array(await new Response(body).arrayBuffer());
      const array = decodeNpy(bytes);
      if (array.shape.length !== 3) {
        throw unprocessable("not_a_cube", `Received ${array.shape.length} axes; expected 3`);
      }
      const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
      const same = [...stored.values()].find(({ record }) => record.sha256 === sha256);
      if (same) return { cube: same.record, created: false };
      const record = recordOf(name, array, { sha256, sizeBytes: bytes.length });
      stored.set(record.id, { record, array, file: bytes });
      return { cube: record, created: true };
    },
    list: (page) => Promise.resolve(pageOf([...stored.values()].map(({ record }) => record), page)),
    // deno-lint-ignore require-await
    get: async (id) => find(id).record,
    // deno-lint-ignore require-await
    owns: async (id) => find(id) !== undefined,
    async rename(id, name) {
      const changed = { ...(await this.get(id)), name };
      stored.set(id, { ...find(id), record: changed });
      return changed;
    },
    file: (id) => {
      const { file } = find(id);
      return file ? Promise.resolve(bytesSource(file)) : Promise.reject(missing("file_not_kept", "Not kept"));
    },
    values: (id) => Promise.resolve({ source: bytesSource(encodeNpy(find(id).array)), heldBytes: 0 }),
    // deno-lint-ignore require-await
    remove: async (id) => void stored.delete(find(id).record.id),
    map: (id, { index = 0 }) => Promise.resolve(mapAt(find(id).array, index)),
    spectrum(id, { row, col }) {
      const { array: { data, shape: [rows, cols, points] }, record } = find(id);
      if (row >= rows || col >= cols) {
        throw unprocessable("outside_cube", `Received ${row}, ${col}; expected inside ${rows} x ${cols}`);
      }
      const start = (row * cols + col) * points;
      const values = ndArray(data.slice(start, start + points) as Float32Array, [points]);
      return Promise.resolve({ row, col, axis: record.axes.spectral, values, count: 1 });
    },
    async addMap(id, body) {
      await new Response(body).arrayBuffer();
      return find(id).record;
    },
  };
}

function recordOf(name: string, array: NdArray, source: { sha256: string; sizeBytes: number }): CubeRecord {
  const [rows, cols, points] = array.shape;
  const axis = (length: number) => ({ name: "n", unit: "", values: Array.from({ length }, (_, i) => i) });
  return {
    id: newId("cube"),
    name,
    format: "npy",
    dataset: "",
    shape: [rows, cols, points],
    axes: { row: axis(rows), col: axis(cols), spectral: axis(points) },
    quantity: "response",
    unit: "",
    ...source,
    createdAt: "2026-01-01T00:00:00.000Z",
    health: { nan: 0, outliers: 0, failedPixels: 0, repaired: 0 },
    choices: [],
    maps: [],
    notes: [],
    provenance: [],
  };
}

function mapAt({ data, shape: [rows, cols, points] }: NdArray, index: number): ResultTree {
  if (index >= points) throw unprocessable("outside_axis", `Received step ${index}; expected 0 to ${points - 1}`);
  const values = new Float32Array(rows * cols);
  for (let pixel = 0; pixel < values.length; pixel++) values[pixel] = data[pixel * points + index];
  return { index, at: index, values: ndArray(values, [rows, cols]) };
}

function pageOf<T>(items: T[], { limit, cursor }: PageRequest): Page<T> {
  const start = Number(cursor ?? 0);
  const end = start + limit;
  return { items: items.slice(start, end), ...(end < items.length ? { nextCursor: String(end) } : {}) };
}

const POINTS = 3;

function oneModel(): ModelService {
  const aliases: Record<string, number> = { best: 1 };
  const demand = (name: string, version = "1") => {
    if (name !== "mean" || !["1", "latest", ...Object.keys(aliases)].includes(version)) {
      throw missing("model_missing", `There is no model ${name}@${version}`);
    }
  };
  const summary = () => ({
    name: "mean",
    versions: [1],
    latest: 1,
    aliases: { ...aliases },
    direction: "im2spec" as const,
    readOnly: false,
  });
  const view = (): ModelView => ({
    name: "mean",
    version: 1,
    createdAt: "2026-01-01T00:00:00.000Z",
    network: { direction: "im2spec", window: 2, points: POINTS, latent: 1, filters: 1 },
    scaler: { input: { mean: 0, std: 1 }, output: { mean: 0, std: 1 } },
    weights: { sha256: "0".repeat(64), bytes: 3 },
    aliases: Object.keys(aliases),
    readOnly: false,
    card: "# Mean of a patch\n",
  });
  const tag = () => JSON.stringify(aliases).replaceAll('"', "");
  return {
    list: (page) => Promise.resolve(pageOf([summary()], page)),
    // deno-lint-ignore require-await
    get: async (name) => (demand(name), summary()),
    // deno-lint-ignore require-await
    version: async (name, version) => (demand(name, version), view()),
    archive: (name, version) => (demand(name, version), Promise.resolve(bytesSource(Uint8Array.of(80, 75)))),
    importArchive: (_bytes, { name = "mean" }) => Promise.resolve({ name, version: 2 }),
    onnx: (name, version) => (demand(name, version), Promise.resolve([Uint8Array.of(8, 8)])),
    weights: (name, version) => (demand(name, version), Promise.resolve(new Uint8Array([1, 2, 3]))),
    // deno-lint-ignore require-await
    card: async (name, version) => (demand(name, version), view().card),
    // deno-lint-ignore require-await
    aliasTag: async (name) => (demand(name), tag()),
    setAlias(name, alias, version, { ifMatch, ifAbsent }) {
      if (ifAbsent && Object.hasOwn(aliases, alias)) {
        throw new LoopscopeError("precondition", "alias_exists", `Alias ${alias} is there; expected none`);
      }
      demand(name, String(version));
      if (ifMatch !== undefined && ifMatch !== tag()) {
        throw new LoopscopeError("precondition", "alias_changed", `Received ${ifMatch}; expected ${tag()}`);
      }
      aliases[alias] = version;
      return Promise.resolve(summary());
    },
    removeAlias(name, alias, ifMatch) {
      demand(name);
      if (ifMatch !== undefined && ifMatch !== tag()) {
        throw new LoopscopeError("precondition", "alias_changed", `Received ${ifMatch}; expected ${tag()}`);
      }
      if (!delete aliases[alias]) throw missing("alias_missing", `There is no alias ${alias}`);
      return Promise.resolve(summary());
    },
    import: ({ name }, weights) => {
      if (weights.length === 0) throw unprocessable("weights_empty", "Received no bytes; expected safetensors");
      return Promise.resolve({ name, version: 1 });
    },
    removeVersion(name, version) {
      demand(name, version);
      throw conflict("alias_points_here", "Received the alias best on version 1; expected none");
    },
  };
}

function meanPredictions(): PredictionService {
  const demandModel = (name: string) => {
    if (name !== "mean") throw missing("model_missing", `There is no model ${name}`);
  };
  const means = ({ data, shape }: NdArray): Float32Array => {
    const [rows, cols] = shape.slice(-2);
    if (shape.length < 2 || rows !== 2 || cols !== 2) {
      throw unprocessable("wrong_shape", `Received ${shape}; expected 2 x 2`);
    }
    const sum = (n: number) => data[4 * n] + data[4 * n + 1] + data[4 * n + 2] + data[4 * n + 3];
    return Float32Array.from({ length: sizeOf(shape) / 4 }, (_, n) => sum(n) / 4);
  };
  const outputsOf = (latents: ArrayLike<number>) =>
    Float32Array.from(
      { length: latents.length * POINTS },
      (_, i) => latents[Math.floor(i / POINTS)] * (i % POINTS + 1),
    );
  return {
    requireCapacity: () => {},
    async predict(name, _version, request) {
      demandModel(name);
      await Promise.resolve();
      const inputs = "image" in request ? request.image : request.inputs;
      const latents = means(inputs);
      const stack = inputs.shape.slice(0, -2);
      return {
        model: "mean",
        version: 1,
        outputs: ndArray(outputsOf(latents), [...stack, POINTS]),
        latents: ndArray(latents, [...stack, 1]),
        warnings: [],
      };
    },
    async encode(name, _version, inputs) {
      demandModel(name);
      await Promise.resolve();
      return { latents: ndArray(means(inputs), [...inputs.shape.slice(0, -2), 1]) };
    },
    async decode(name, _version, latents) {
      demandModel(name);
      await Promise.resolve();
      if (latents.shape.at(-1) !== 1) {
        throw unprocessable("wrong_shape", `Received ${latents.shape}; expected 1 latent`);
      }
      return { outputs: ndArray(outputsOf(latents.data), [...latents.shape.slice(0, -1), POINTS]) };
    },
  };
}

function recordedJobs(): JobService {
  const jobs = new Map<string, JobRecord>();
  const find = (id: string) => {
    const job = jobs.get(id);
    if (!job) throw missing("job_missing", `There is no job ${id}`);
    return job;
  };
  return {
    async submit(request) {
      await Promise.resolve();
      const id = newId<string>("job");
      const job: JobRecord = {
        id,
        kind: "train",
        state: "queued",
        request,
        createdAt: "2026-01-01T00:00:00.000Z",
        attempts: 0,
      };
      jobs.set(id, job);
      return job;
    },
    // deno-lint-ignore require-await
    get: async (id) => find(id),
    // deno-lint-ignore require-await
    owns: async (id) => find(id) !== undefined,
    list: (page) =>
      Promise.resolve(pageOf([...jobs.values()].filter(({ state }) => !page.state || state === page.state), page)),
    cancel(id) {
      const job = find(id);
      if (job.state === "cancelled") {
        throw conflict("job_ended", "Received a job that has ended; expected one that runs");
      }
      jobs.set(id, { ...job, state: "cancelled" });
      return Promise.resolve(find(id));
    },
    async *events(id, after, signal) {
      find(id);
      const all = [
        { sequence: 1, event: "state", data: { state: "running" } },
        { sequence: 2, event: "epoch", data: { epoch: 1, trainLoss: 0.5 } },
        { sequence: 3, event: "done", data: { state: "succeeded" } },
      ] as const;
      for (const event of all) {
        await Promise.resolve();
        if (signal.aborted) return;
        const { sequence, event: name, data } = event;
        if (sequence > after) yield [{ sequence, event: name, json: JSON.stringify(data) }];
      }
    },
    waitFor: (id) => Promise.resolve(find(id)),
  };
}

/** Says what it was asked, with the arrays of the cube: enough to see how parameters and arrays travel. */
function directResults(cubes: ReturnType<typeof arrayCubes>): ResultService {
  return {
    async ofCube(result, cube, parameters) {
      await Promise.resolve();
      const record = await cubes.get(cube);
      const value = { result, parameters: parameters as ResultTree, maps: cubes.stored.get(cube)!.array };
      return { kind: "ready", value, etag: `${record.sha256}${result}` };
    },
    async ofModel(result, model, cube, parameters, waitMs) {
      await Promise.resolve();
      const record = await cubes.get(cube);
      if (waitMs < 1000) {
        const job: JobRecord = {
          id: "job_result",
          kind: "result",
          state: "running",
          request: { kind: "result", result, cube, model: `${model.name}@1`, parameters },
          createdAt: "2026-01-01T00:00:00.000Z",
          attempts: 1,
        };
        return { kind: "pending", job };
      }
      return { kind: "ready", value: { result, parameters: parameters as ResultTree }, etag: record.sha256 };
    },
  };
}

/** Experiments need an analysis process: there are none here. */
function noExperiments(): Services["experiments"] {
  const none = (id: string) => Promise.reject(missing("experiment_missing", `There is no experiment ${id}`));
  return {
    open: () => Promise.reject(unprocessable("image_or_cube", "Received neither cube nor image; expected one of them")),
    list: () => Promise.resolve({ items: [] }),
    async *events(id) {
      yield await none(id);
    },
    ...{ get: none, owns: none, measure: none, next: none, prediction: none, history: none, waitFor: none },
    ...{ finish: none, remove: none, image: none, measurements: none },
  };
}
