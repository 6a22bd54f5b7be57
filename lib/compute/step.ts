import type { ConvGeometry, NormSlots } from "./network_units.ts";
import type { ParameterSlot } from "./parameter_layout.ts";

/** Index into `Plan.buffers`. */
export type BufferId = number;

/** What batch norm subtracts and divides by. */
export const NORM_EPS = 1e-5;
/** running = 0.9 * running + 0.1 * batch; the variance that goes in is the unbiased one. */
export const NORM_MOMENTUM = 0.1;

/** The pyramid's total: conv output + leaky output + batch-norm output of each stage; `first` writes, others add. */
export interface TotalRef {
  readonly buffer: BufferId;
  readonly first: boolean;
}

/** Batch norm over `positions` x batch values a channel. */
interface NormStep {
  readonly label: string;
  readonly positions: number;
  readonly channels: number;
  readonly slope: number;
  readonly norm: NormSlots;
  /** The stage's output, after the leaky ReLU. Its input, the conv output, is a > 0 ? a : a / slope. */
  readonly activation: BufferId;
  /** Fixed size: mean (channels), then 1 / sqrt(var + eps) (channels) of the activation. */
  readonly moments: BufferId;
}

interface ConvStep {
  readonly label: string;
  readonly conv: ConvGeometry;
  /** (kernelRows * kernelCols, channelsIn, channelsOut); no bias is added to gradients. */
  readonly weight: ParameterSlot;
  readonly bias: ParameterSlot;
}

interface DenseStep {
  readonly label: string;
  readonly featuresIn: number;
  readonly featuresOut: number;
  readonly weight: ParameterSlot;
  /** Layout of the weight: (out, in) or (in, out), the shorter axis first. */
  readonly order: "outIn" | "inOut";
  readonly bias: ParameterSlot;
  readonly input: BufferId;
  /** The result (output, or the gradient of the input) is added to what its buffer holds. */
  readonly added?: boolean;
}

interface UpsampleStep {
  readonly label: string;
  /** Of the smaller side. */
  readonly rows: number;
  readonly cols: number;
  readonly channels: number;
}

/**
 * One step; all work inside a step may run in parallel, and a barrier (or its like) stands between steps. A step never
 * reads a buffer that it writes, but for `total` with `first: false` and the result of a dense layer that is `added`. Activations are N x positions x channels.
 * Gradients of parameters go to a vector of `layout.trainedSize` floats in the parameters' layout, and are written, not
 * added.
 */
export type Step =
  /** output = conv(input) + bias */
  | ConvStep & { readonly kind: "conv"; readonly input: BufferId; readonly output: BufferId }
  /** Training: activation = leaky(conv(input) + bias); moments of it; running statistics move. */
  | ConvStep & NormStep & { readonly kind: "stage"; readonly input: BufferId }
  /** Training: output = gamma * (activation - mean) * inverseStd + beta; total (+)= conv out + activation + output. */
  | NormStep & { readonly kind: "normalise"; readonly output?: BufferId; readonly total?: TotalRef }
  /** Evaluation: stage and normalise in one, by running statistics; `output` is the batch norm's. */
  | ConvStep & Omit<NormStep, "activation" | "moments"> & {
    readonly kind: "evalStage";
    readonly input: BufferId;
    readonly output?: BufferId;
    readonly total?: TotalRef;
  }
  | DenseStep & { readonly kind: "dense"; readonly output: BufferId }
  | UpsampleStep & { readonly kind: "upsample"; readonly input: BufferId; readonly output: BufferId }
  /** loss = mean((output - target)^2) over batch and features; gradOutput = 2 (output - target) / (batch * features) */
  | {
    readonly kind: "loss";
    readonly label: string;
    readonly features: number;
    readonly output: BufferId;
    readonly target: BufferId;
    readonly gradOutput: BufferId;
  }
  /** gradInput = the four gradients above each cell, summed. */
  | UpsampleStep & { readonly kind: "upsampleGradient"; readonly gradOutput: BufferId; readonly gradInput: BufferId }
  /** Gradients of weight, bias and (where wanted) input. */
  | DenseStep & { readonly kind: "denseGradient"; readonly gradOutput: BufferId; readonly gradInput?: BufferId }
  /**
   * With g = gradOutput + gradTotal (either may be absent) and xhat = (activation - mean) * inverseStd:
   * gradient of beta = sum g, of gamma = sum g * xhat, over batch and positions.
   */
  | NormStep & { readonly kind: "normaliseSums"; readonly gradOutput?: BufferId; readonly gradTotal?: BufferId }
  /**
   * M = batch * positions; gradActivation = gamma * inverseStd * (g - gradBeta / M - xhat * gradGamma / M) + gradTotal;
   * gradConv = gradActivation * (activation > 0 ? 1 : slope) + gradTotal.
   */
  | NormStep & {
    readonly kind: "normaliseGradient";
    readonly gradOutput?: BufferId;
    readonly gradTotal?: BufferId;
    readonly gradConv: BufferId;
  }
  /** Gradients of weight and bias. */
  | ConvStep & { readonly kind: "convWeightGradient"; readonly input: BufferId; readonly gradConv: BufferId }
  | ConvStep & { readonly kind: "convInputGradient"; readonly gradConv: BufferId; readonly gradInput: BufferId }
  /** Adam with bias correction over the whole trained vector. */
  | { readonly kind: "update"; readonly label: string };

/** Which buffers a step reads and which it writes; a total that is added to is both. */
export function accesses(step: Step): { reads: BufferId[]; writes: BufferId[] } {
  const reads: (BufferId | undefined)[] = [];
  const writes: (BufferId | undefined)[] = [];
  if ("input" in step) reads.push(step.input);
  if (step.kind === "loss") reads.push(step.output, step.target);
  else if ("output" in step) writes.push(step.output);
  if ("total" in step && step.total) (step.total.first ? writes : reads).push(step.total.buffer);
  if ("total" in step && step.total) writes.push(step.total.buffer);
  if ("activation" in step) (step.kind === "stage" ? writes : reads).push(step.activation, step.moments);
  if ("gradOutput" in step) (step.kind === "loss" ? writes : reads).push(step.gradOutput);
  if ("gradTotal" in step) reads.push(step.gradTotal);
  if ("gradConv" in step) (step.kind === "normaliseGradient" ? writes : reads).push(step.gradConv);
  if ("gradInput" in step) writes.push(step.gradInput);
  if ("added" in step && step.added) reads.push(step.kind === "dense" ? step.output : step.gradInput);
  const present = (ids: (BufferId | undefined)[]) => [...new Set(ids.filter((id) => id !== undefined))];
  return { reads: present(reads), writes: present(writes) };
}
