import type { ResultTree } from "../../base/nd_array.ts";
import type { CubeReader } from "../../cube/cube.ts";
import type { Preparation } from "../../schemas/preparation.ts";
import type { ModelManifest } from "../../schemas/model.ts";
import type { AppliedModel } from "../../training/inference/apply.ts";

/** A model, what it said of every pixel of the cube, and its decoder. */
export interface ResultModel {
  manifest: ModelManifest;
  prediction: AppliedModel;
  /** N x latent to N x output size in physical units. */
  decode(latent_NL: Float32Array): Promise<Float32Array>;
}

/** What a result is computed from. Parameters have been checked and have their defaults. */
export interface ResultInput {
  cube: CubeReader;
  /** Of the cube's bytes: whether the model was trained on this cube. */
  cubeSha256: string;
  /** The steps that lie behind the cube as it is here: its own, and the model's where they were repeated. */
  preparation?: readonly Preparation[];
  parameters: Record<string, unknown>;
  model?: ResultModel;
  /** The imaginary part of a complex response, on the same grid and axis, where the cube is the real part. */
  imaginary?: CubeReader;
  signal: AbortSignal;
  /** Told the share done, 0 to 1. */
  progress(fraction: number): void;
}

/** Turns stored data into the tree that HTTP shows (api.md). Throws LoopscopeError; pauses often enough to be stopped. */
export type ResultTask = (input: ResultInput) => Promise<ResultTree>;

/** The model of a result that is about one. */
export function modelOf({ model }: ResultInput): ResultModel {
  if (!model) throw new Error("This result needs a model");
  return model;
}
