import type { ResultTree } from "../../base/nd_array.ts";
import type { CubeReader } from "../../cube/cube.ts";
import type { ModelManifest } from "../../schemas/model.ts";

/** A model's answer for every pixel of a cube that has a whole patch, in physical units. */
export interface AppliedModel {
  row0: number;
  col0: number;
  rows: number;
  cols: number;
  /** rows x cols x latent */
  latent_HWL: Float32Array;
  /** rows x cols x points (im2spec) or rows x cols x window x window (spec2im). */
  output: Float32Array;
  /** Half-width of the calibrated 90 % band, as `output`; ensembles only. */
  spread?: Float32Array;
}

/** What a result is computed from. */
export interface ResultInput {
  cube: CubeReader;
  /** Validated, defaults filled in. */
  parameters: Record<string, unknown>;
  model?: {
    manifest: ModelManifest;
    prediction: AppliedModel;
    /** N x latent to N x output size, in physical units. */
    decode(latent_NL: Float32Array): Promise<Float32Array>;
  };
  signal: AbortSignal;
  /** Fraction done, 0 to 1. */
  progress(fraction: number): void;
}

export type ResultTaskFunction = (input: ResultInput) => Promise<ResultTree>;
