import { unprocessable } from "../../base/errors.ts";
import type { Engine, Session } from "../../compute/engine.ts";
import { standardise, unstandardise } from "../../cube/scale.ts";
import type { ModelManifest } from "../../schemas/model.ts";
import type { LoadedModel } from "../artifact/artifact.ts";
import { meanAndSpread } from "../evaluation/ensemble.ts";
import { createPause } from "../pause.ts";

const PIECE_SAMPLES = 1024;

/** A model whose members are on an engine, ready to predict in physical units. */
export interface OpenModel {
  readonly loaded: LoadedModel;
  /** One for each member of an ensemble. */
  readonly sessions: readonly Session[];
  close(): Promise<void>;
}

/** Inputs of one kind each: N x input size, N x latent, N x output size, in physical units. */
export interface PhysicalPrediction {
  /** Of the first member: latents of different members do not compare. */
  latent_NL: Float32Array;
  /** Mean of the members. */
  output_NO: Float32Array;
  /** Half-width of the calibrated 90 % band; ensembles only. */
  spread_NO?: Float32Array;
  /** Plain words on what the caller should know: inputs or latents outside what was trained on. */
  warnings: string[];
}

/** Throws what the engine throws when a member does not fit on it. */
export async function openModel(engine: Engine, loaded: LoadedModel): Promise<OpenModel> {
  const sessions: Session[] = [];
  const close = async () => {
    for (const session of sessions.splice(0)) await session.close();
  };
  try {
    for (const state of [loaded.state, ...loaded.members]) sessions.push(await engine.open(loaded.network, state));
  } catch (error) {
    await close();
    throw error;
  }
  return { loaded, sessions, close };
}

/** What a caller should know about inputs and their latents: how many lie outside what was trained on. */
export function predictionWarnings(
  manifest: ModelManifest,
  input_NI: Float32Array,
  latent_NL: Float32Array,
): string[] {
  return [...inputWarnings(manifest, input_NI), ...latentWarnings(manifest, latent_NL)];
}

/** Outputs for N inputs. Throws `input_size` (with the sizes) and `input_not_finite`. */
export async function predictPhysical(model: OpenModel, input_NI: Float32Array): Promise<PhysicalPrediction> {
  const { scaler } = model.loaded.manifest;
  checkInputs(input_NI, sizeOf(model.loaded, "input"), "input");
  const scaled = standardise(input_NI, scaler.input);
  const parts = [];
  for (const session of model.sessions) parts.push(await session.predict(scaled));
  const [{ latent_NL }] = parts;
  return {
    latent_NL,
    ...joinMembers(model, parts.map((part) => part.output_NO)),
    warnings: predictionWarnings(model.loaded.manifest, input_NI, latent_NL),
  };
}

/** Latents of N inputs by the first member. Throws `cancelled` when the signal fires, and what `predictPhysical` throws. */
export async function encodePhysical(
  model: OpenModel,
  input_NI: Float32Array,
  signal?: AbortSignal,
): Promise<{ latent_NL: Float32Array; warnings: string[] }> {
  const { manifest } = model.loaded;
  const size = sizeOf(model.loaded, "input");
  checkInputs(input_NI, size, "input");
  const encode = (part_NI: Float32Array) => model.sessions[0].encode(standardise(part_NI, manifest.scaler.input));
  const latent_NL = await inPieces(input_NI, size, encode, signal);
  return { latent_NL, warnings: predictionWarnings(manifest, input_NI, latent_NL) };
}

/** Outputs of N latents by the first member, whose latents they are. Throws as `encodePhysical`. */
export async function decodePhysical(
  model: OpenModel,
  latent_NL: Float32Array,
  signal?: AbortSignal,
): Promise<{ output_NO: Float32Array; warnings: string[] }> {
  const { manifest } = model.loaded;
  const { latent } = manifest.network;
  checkInputs(latent_NL, latent, "latent");
  const decode = (part_NL: Float32Array) => model.sessions[0].decode(part_NL);
  const output_NO = unstandardise(await inPieces(latent_NL, latent, decode, signal), manifest.scaler.output);
  return { output_NO, warnings: latentWarnings(manifest, latent_NL) };
}

export interface PhysicalImagePrediction {
  /** The first pixel that has a whole patch, and how many have. */
  row0: number;
  col0: number;
  rows: number;
  cols: number;
  latent_HWL: Float32Array;
  output_HWS: Float32Array;
  spread_HWS?: Float32Array;
  warnings: string[];
}

/** im2spec: the spectrum of every pixel of an image whose patch fits. Throws `direction`, `input_size`, `window_too_large`. */
export async function predictImagePhysical(
  model: OpenModel,
  image_HW: Float32Array,
  rows: number,
  cols: number,
): Promise<PhysicalImagePrediction> {
  const { manifest } = model.loaded;
  const { direction, window } = manifest.network;
  if (direction !== "im2spec") throw unprocessable("direction", `Model is ${direction}; whole images need im2spec`);
  if (image_HW.length !== rows * cols) {
    throw unprocessable("input_size", `Image has ${image_HW.length} values, ${rows} x ${cols} are expected`);
  }
  if (window > Math.min(rows, cols)) {
    throw unprocessable("window_too_large", `Image is ${rows} x ${cols}, the model's window is ${window}`);
  }
  checkInputs(image_HW, image_HW.length, "image");
  const scaled = standardise(image_HW, manifest.scaler.input);
  const parts = [];
  for (const session of model.sessions) parts.push(await session.predictImage(scaled, rows, cols));
  const { output_NO, spread_NO } = joinMembers(model, parts.map((part) => part.output_HWS));
  const [first] = parts;
  return {
    row0: window / 2,
    col0: window / 2,
    rows: first.rows,
    cols: first.cols,
    latent_HWL: first.latent_HWL,
    output_HWS: output_NO,
    ...(spread_NO ? { spread_HWS: spread_NO } : {}),
    warnings: predictionWarnings(manifest, image_HW, first.latent_HWL),
  };
}

/** Number of values of one input or output of a model. */
export function sizeOf(loaded: LoadedModel, side: "input" | "output"): number {
  const { direction, window, points } = loaded.manifest.network;
  return (direction === "im2spec") === (side === "input") ? window * window : points;
}

/** Runs samples of `size` values a piece at a time, so that others have their turn and a caller who has gone ends it. */
async function inPieces(
  values: Float32Array,
  size: number,
  run: (piece: Float32Array) => Promise<Float32Array>,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const count = values.length / size;
  if (count <= PIECE_SAMPLES) return await run(values);
  const pause = createPause(signal, () => performance.now(), 0);
  let all: Float32Array | undefined;
  for (let from = 0; from < count; from += PIECE_SAMPLES) {
    await pause();
    const piece = await run(values.subarray(from * size, (from + PIECE_SAMPLES) * size));
    const width = piece.length / Math.min(PIECE_SAMPLES, count - from);
    all ??= new Float32Array(count * width);
    all.set(piece, from * width);
  }
  return all!;
}

function joinMembers(model: OpenModel, outputs: Float32Array[]): { output_NO: Float32Array; spread_NO?: Float32Array } {
  const { scaler, spreadFactor } = model.loaded.manifest;
  if (outputs.length === 1) return { output_NO: unstandardise(outputs[0], scaler.output) };
  const { mean, spread } = meanAndSpread(outputs);
  const widths = { mean: 0, std: scaler.output.std };
  return {
    output_NO: unstandardise(mean, scaler.output),
    spread_NO: unstandardise(spread.map((s) => s * (spreadFactor ?? 1)), widths),
  };
}

function checkInputs(values: Float32Array, size: number, what: string): void {
  if (values.length === 0 || values.length % size !== 0) {
    throw unprocessable("input_size", `${values.length} values are no whole number of ${what}s of ${size} values`);
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const where = `value ${bad % size} of ${what} ${Math.floor(bad / size)}`;
    throw unprocessable("input_not_finite", `Received ${values[bad]} as ${where}, only finite numbers are expected`);
  }
}

/** Beyond the training range by more than this share of its width is outside. */
const MARGIN = 0.05;

function inputWarnings({ novelty }: ModelManifest, values: Float32Array): string[] {
  if (!novelty) return [];
  const outside = countOutside(values, 0, 1, novelty.inputMin, novelty.inputMax);
  if (outside === 0) return [];
  const range = `${Number(novelty.inputMin.toPrecision(4))} to ${Number(novelty.inputMax.toPrecision(4))}`;
  return [`${outside} of ${values.length} input values lie outside the training range ${range}`];
}

function latentWarnings({ novelty }: ModelManifest, latent_NL: Float32Array): string[] {
  if (!novelty) return [];
  const latent = novelty.latentMin.length;
  return novelty.latentMin.flatMap((low, l) => {
    const outside = countOutside(latent_NL, l, latent, low, novelty.latentMax[l]);
    if (outside === 0) return [];
    const range = `${Number(low.toPrecision(4))} to ${Number(novelty.latentMax[l].toPrecision(4))}`;
    return [`${outside} of ${latent_NL.length / latent} samples have latent ${l} outside the training range ${range}`];
  });
}

function countOutside(values: Float32Array, start: number, stride: number, low: number, high: number): number {
  const margin = MARGIN * (high - low);
  let outside = 0;
  for (let i = start; i < values.length; i += stride) {
    if (values[i] < low - margin || values[i] > high + margin) outside++;
  }
  return outside;
}
