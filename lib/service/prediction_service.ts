import { unprocessable } from "../base/errors.ts";
import { isNdArray, type NdArray, ndArray, type ResultTree } from "../base/nd_array.ts";
import type { LocalMethod, LocalPredictor } from "./local_predictor.ts";
import type { WorkerPool } from "../jobs/processes/worker_pool.ts";
import type { ModelManifest } from "../schemas/model.ts";
import type { Store } from "../store/ports/store.ts";
import type { Caller, PredictionService } from "./services.ts";

export interface PredictionServiceOptions {
  store: Store;
  compute: WorkerPool;
  /** Handles small calls without the compute process. */
  local?: LocalPredictor;
}

/** Most output values of one request; use an upload and `/predictions` for more. */
const MAX_OUTPUT_VALUES = 2 ** 26;
const TIMEOUT_MS = 120_000;

type Samples = NdArray & { data: Float32Array };
type Tree = { [key: string]: ResultTree };

/** Predictions in physical units: small ones in this process, others in the compute process. */
export function createPredictionService({ store, compute, local }: PredictionServiceOptions): PredictionService {
  async function find(name: string, version: string): Promise<{ manifest: ModelManifest; folder: string }> {
    const number = await store.models.resolve(name, version);
    const { manifest } = await store.models.version(name, number);
    return { manifest, folder: await store.models.localFolder(name, number) };
  }

  async function askSamples(method: LocalMethod, folder: string, samples: Samples, caller: Caller): Promise<Tree> {
    const answered = await local?.answer(method, folder, samples, caller.signal);
    return answered as Tree | undefined ?? await ask(method, { folder, samples }, caller);
  }

  async function ask(method: string, value: Tree, caller: Caller): Promise<Tree> {
    return await compute.call(method, value, {
      caller: caller.id,
      signal: caller.signal,
      timeoutMs: TIMEOUT_MS,
    }) as Tree;
  }

  return {
    requireCapacity: (callerId) => compute.requireCapacity(callerId),
    async predict(name, version, request, caller) {
      const { manifest, folder } = await find(name, version);
      const head = { model: manifest.name, version: manifest.version, axis: manifest.axis };
      if ("image" in request) {
        const image = checkImage(request.image, manifest);
        return { ...head, ...await ask("predictImage", { folder, image }, caller) };
      }
      const inputs = checkSamples(request.inputs, inputShape(manifest), "inputs");
      checkSize(inputs.count * Math.max(outputSize(manifest), 1));
      return { ...head, ...unstack(await askSamples("predict", folder, inputs.array, caller), inputs.single) };
    },
    async encode(name, version, inputs, caller) {
      const { manifest, folder } = await find(name, version);
      const { array, single } = checkSamples(inputs, inputShape(manifest), "inputs");
      const answer = await askSamples("encode", folder, array, caller);
      return { model: manifest.name, version: manifest.version, ...unstack(answer, single) };
    },
    async decode(name, version, latents, caller) {
      const { manifest, folder } = await find(name, version);
      const { array, single, count } = checkSamples(latents, [manifest.network.latent], "latents");
      checkSize(count * outputSize(manifest));
      const answer = await askSamples("decode", folder, array, caller);
      return { model: manifest.name, version: manifest.version, axis: manifest.axis, ...unstack(answer, single) };
    },
  };
}

function inputShape({ network: { direction, window, points } }: ModelManifest): number[] {
  return direction === "im2spec" ? [window, window] : [points];
}

function outputSize({ network: { direction, window, points } }: ModelManifest): number {
  return direction === "im2spec" ? points : window * window;
}

/** One sample or a stack of them as float32, every value finite. */
function checkSamples(array: NdArray, expected: number[], what: string) {
  const { shape } = array;
  const single = shape.length === expected.length;
  const sample = single ? shape : shape.slice(1);
  const fits = sample.length === expected.length && sample.every((length, i) => length === expected[i]);
  if (!fits || (!single && shape[0] === 0)) {
    const one = expected.join(" x ");
    const detail = `The ${what} have shape ${
      shape.join(" x ") || "of a scalar"
    }; expected ${one} for one or N x ${one} for a stack`;
    throw unprocessable("wrong_shape", detail, { issues: [{ path: what, message: detail }] });
  }
  const count = single ? 1 : shape[0];
  return { array: ndArray(finiteFloats(array, what), [count, ...expected]) as Samples, single, count };
}

function checkImage(array: NdArray, { network: { direction, window, points } }: ModelManifest): NdArray {
  if (direction !== "im2spec") {
    throw unprocessable("wrong_direction", "A spec2im model predicts patches from spectra, it takes no image");
  }
  const [rows, cols] = array.shape;
  if (array.shape.length !== 2 || rows < window || cols < window) {
    const detail = `The image has shape ${
      array.shape.join(" x ")
    }; expected rows x cols of at least ${window} x ${window}`;
    throw unprocessable("wrong_shape", detail, { issues: [{ path: "image", message: detail }] });
  }
  checkSize((rows - window + 1) * (cols - window + 1) * points);
  return ndArray(finiteFloats(array, "image"), [rows, cols]);
}

function checkSize(values: number): void {
  if (values <= MAX_OUTPUT_VALUES) return;
  const detail = `The response would have ${values} values; expected at most ${MAX_OUTPUT_VALUES}: send less at a time`;
  throw unprocessable("answer_too_large", detail);
}

function finiteFloats({ data }: NdArray, what: string): Float32Array {
  const floats = data instanceof Float32Array ? data : Float32Array.from(data);
  for (let i = 0; i < floats.length; i++) {
    if (Number.isFinite(floats[i])) continue;
    const detail = `The ${what} have ${data[i]} at position ${i}; expected finite float32 values`;
    throw unprocessable("not_finite", detail, { issues: [{ path: what, message: detail }] });
  }
  return floats;
}

/** The result of a single sample has no sample axis. */
function unstack(answer: Tree, single: boolean): Tree {
  if (!single) return answer;
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]) => {
      return [key, isNdArray(value) ? ndArray(value.data, value.shape.slice(1)) : value];
    }),
  );
}
