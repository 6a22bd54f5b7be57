import type { Direction } from "../lib/schemas/job.ts";
import type { NetworkOptions } from "../lib/schemas/model.ts";

export type { Direction, NetworkOptions };

/** Shape of one sample's activation, channels first as PyTorch has it: [C, H, W], [C, S] or [features]. */
export type ActivationShape = readonly number[];

interface LayerBase {
  /** Names of the activations read; `x` is the network's input. */
  readonly inputs: readonly string[];
  /** Name of the activation written. */
  readonly output: string;
  readonly outputShape: ActivationShape;
}

/** Layers are data; every engine gives them meaning. `name` is the prefix of the parameters' checkpoint names. */
export type Layer =
  & LayerBase
  & (
    | {
      readonly kind: "conv";
      readonly name: string;
      readonly dimensions: 1 | 2;
      readonly channelsIn: number;
      readonly channelsOut: number;
      /** 3 with padding = dilation ("same"), or 1 without padding. */
      readonly kernel: 1 | 3;
      readonly dilation: number;
    }
    | { readonly kind: "leakyRelu"; readonly slope: number }
    | { readonly kind: "batchNorm"; readonly name: string; readonly channels: number }
    | { readonly kind: "dense"; readonly name: string; readonly featuresIn: number; readonly featuresOut: number }
    /** Also flattens: the row-major order of channels-first data is kept. */
    | { readonly kind: "reshape" }
    /** Nearest neighbour, twice in each direction. */
    | { readonly kind: "upsample" }
    /** Elementwise sum of all inputs. */
    | { readonly kind: "sum" }
  );

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  /** Buffers (running statistics) are saved but not trained. */
  readonly kind: "weight" | "bias" | "gamma" | "beta" | "runningMean" | "runningVar";
  /** Number of inputs that feed one output, for the initial +-1/sqrt(fanIn); 0 where that does not apply. */
  readonly fanIn: number;
}

/** im2spec or spec2im as data: encoder up to the activation `latent`, decoder from it to `y`. */
export interface Network {
  readonly options: NetworkOptions;
  readonly inputShape: ActivationShape;
  readonly outputShape: ActivationShape;
  readonly encoder: readonly Layer[];
  readonly decoder: readonly Layer[];
  /** In the order of a PyTorch state_dict, without num_batches_tracked. */
  readonly parameters: readonly ParameterSpec[];
}
