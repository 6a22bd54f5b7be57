import type { OptimiserOptions } from "./optimiser.ts";
import type { Network } from "../../models/network.ts";
import type { NetworkPart } from "./operations.ts";

export type EngineName = "reference" | "wasm" | "webgpu" | "tensorflow";

/** One parameter or buffer in PyTorch's layout and under its published checkpoint name. */
export interface Tensor {
  shape: readonly number[];
  data: Float32Array;
}

/** Parameters and batch-norm running statistics by name (no `num_batches_tracked`). */
export type NetworkState = Map<string, Tensor>;

/** What a checkpoint needs so that training goes on bit-identically: weights, moments and the step count. */
export interface TrainingState {
  network: NetworkState;
  /** Adam's first and second moments by parameter name. */
  adamM: NetworkState;
  adamV: NetworkState;
  step: number;
}

export interface SessionOptions extends OptimiserOptions {
  /** Mini-batches of up to this many samples are trained on; 0: inference only. */
  trainBatch: number;
  /** Continue from these moments and this step. */
  resume?: Pick<TrainingState, "adamM" | "adamV" | "step">;
}

export interface Prediction {
  /** N x latent */
  latent_NL: Float32Array;
  /** N x points (im2spec) or N x window x window (spec2im) */
  output_NO: Float32Array;
}

export interface ImagePrediction {
  /** Rows and columns of the positions: image rows - window + 1, likewise columns. */
  rows: number;
  cols: number;
  latent_HWL: Float32Array;
  output_HWS: Float32Array;
}

/**
 * One network with its weights on one engine. Calls are answered in order. Inputs are row-major float32, already
 * standardised: images N x window x window, spectra N x points, latents N x latent.
 */
export interface Session {
  readonly network: Network;
  /** Puts training pairs on the device once; mini-batches are then named by index. */
  setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void>;
  /**
   * One optimiser step for each mini-batch of indices into the training set: forward, MSE, backward, Adam.
   * Returns each step's loss before its update.
   */
  trainSteps(batches: readonly Int32Array[]): Promise<Float64Array>;
  /** Training-mode forward and backward without update, for tests: output, loss and the gradient by name. */
  gradients(input_NI: Float32Array, target_NO: Float32Array): Promise<
    { loss: number; output_NO: Float32Array; gradients: NetworkState }
  >;
  /** Evaluation mode, any number of samples. */
  predict(input_NI: Float32Array): Promise<Prediction>;
  encode(input_NI: Float32Array): Promise<Float32Array>;
  decode(latent_NL: Float32Array): Promise<Float32Array>;
  /**
   * im2spec only: every whole patch of an image, equal to `predict` patch by patch within 1e-5 relative.
   * `want: "latent"` skips the decoder (output_HWS is empty).
   */
  predictImage(image_HW: Float32Array, rows: number, cols: number, want?: "latent" | "all"): Promise<ImagePrediction>;
  state(): Promise<TrainingState>;
  /** Only where results have to be waited for: whole epochs are queued, the next before the last one's losses are back. */
  readonly epochs?: EpochQueue;
  close(): Promise<void>;
}

/** Pairs on which the loss is measured after each epoch. */
export interface EvaluationSet {
  readonly input_NI: Float32Array;
  readonly target_NO: Float32Array;
  /** Of each target value in the mean; default 1. */
  readonly weight_NO?: Float32Array;
}

export interface EpochLosses {
  /** Of each training step, before its update. */
  readonly steps: Float64Array;
  /** Of each evaluation set after the last step, in evaluation mode. */
  readonly evaluations: readonly number[];
}

/** A state as it was, wherever it is kept. */
export interface Snapshot {
  read(): Promise<TrainingState>;
  /** Must be called once it is no longer wanted. */
  release(): void;
}

export interface EpochResult {
  readonly losses: EpochLosses;
  readonly snapshot: Snapshot;
}

/** Runs training epochs in order; each is queued whole and resolves when its losses are known. */
export interface EpochQueue {
  /** How many epochs are worth queueing beyond the one that is waited for. */
  readonly ahead: number;
  setEvaluationSets(sets: readonly EvaluationSet[]): Promise<void>;
  /** `pause` is called between slices of work; what it throws ends the epoch. */
  run(batches: readonly Int32Array[], pause: () => Promise<void>): Promise<EpochResult>;
}

/** The CPU engine beside a GPU: for calls that are too small for the GPU, and for what it has no memory for. */
export interface SmallCalls {
  readonly engine: Engine;
  /** How long the GPU takes to answer at all. */
  readonly roundTripMs: number;
  /** From how many samples in a call on the GPU is the faster one; Infinity where it never is. */
  crossoverSamples(network: Network, part?: NetworkPart): number;
}

/** A device that runs networks. Opening throws LoopscopeError when it cannot: shape, memory, device lost. */
export interface Engine {
  readonly name: EngineName;
  /** In words: `2 threads, relaxed SIMD`, or the adapter's name. */
  readonly device: string;
  readonly threads: number;
  readonly smallCalls?: SmallCalls;
  open(network: Network, state: NetworkState, options?: Partial<SessionOptions>): Promise<Session>;
  close(): Promise<void>;
}
