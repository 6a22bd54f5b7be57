import type { Plan } from "../plan.ts";
import type { BufferId, Step } from "../step.ts";
import {
  convInputGradientKernel,
  convKernel,
  convWeightGradientKernel,
  sumSplitsKernel,
  weightGradientSplit,
} from "./conv_kernels.ts";
import { denseWeightGradientKernel, toLongKernel, toShortKernel } from "./dense_kernels.ts";
import { grid } from "./gpu_kernel.ts";
import type { Kernel } from "./gpu_kernel.ts";
import { tileFor } from "./matrix_kernel.ts";
import {
  mergeMomentsKernel,
  mergeSumsKernel,
  normaliseGradientKernel,
  normaliseKernel,
  partialSumsKernel,
  sumChunks,
} from "./norm_kernels.ts";
import {
  adamKernel,
  LOSS_CHUNK,
  lossKernel,
  mergeLossKernel,
  upsampleGradientKernel,
  upsampleKernel,
} from "./simple_kernels.ts";

/** What all plans of a session share. */
export interface SessionBuffers {
  readonly control: GPUBuffer;
  readonly parameters: GPUBuffer;
  readonly gradients: GPUBuffer;
  readonly adamM: GPUBuffer;
  readonly adamV: GPUBuffer;
  readonly losses: GPUBuffer;
}

type Grid = (n: number) => readonly [number, number, number];
type Entry = [kernel: Kernel, buffers: GPUBuffer[], workgroups: Grid];

/** What a step's dispatches are made of. */
export interface StepContext {
  readonly plan: Plan;
  readonly shared: SessionBuffers;
  readonly scratch: GPUBuffer;
  readonly at: (id: BufferId) => GPUBuffer;
  readonly threads: number;
}

/** Floats of partial results that a step needs. */
export function scratchFor(step: Step, batch: number, threads: number): number {
  switch (step.kind) {
    case "stage":
      return 2 * step.channels * Math.ceil(batch * step.positions / tileFor(step.channels).rows);
    case "normaliseSums":
      return 2 * step.channels * sumChunks(step, batch, threads).chunks;
    case "convWeightGradient": {
      const { weightRows, splits } = weightGradientSplit(step, batch);
      return splits * (weightRows + 1) * step.conv.channelsOut;
    }
    case "loss":
      return Math.ceil(batch * step.features / LOSS_CHUNK);
    default:
      return 0;
  }
}

/** A step as kernels on buffers, in order. */
export function dispatchesOf(step: Step, context: StepContext): Entry[] {
  const { shared: { parameters, gradients, adamM, adamV, losses }, scratch, at, threads, plan } = context;
  const { batch } = plan;
  const each = (perSample: number): Grid => (n) => grid(Math.ceil(n * perSample / threads));
  const present = (ids: (BufferId | undefined)[]) => ids.filter((id) => id !== undefined).map(at);
  switch (step.kind) {
    case "conv":
      return [[convKernel(step), [at(step.input), parameters, at(step.output)], convGrid(step, step.conv.channelsOut)]];
    case "stage": {
      const { rows } = tileFor(step.channels);
      return [
        [
          convKernel(step),
          [at(step.input), parameters, at(step.activation), scratch],
          convGrid(step, step.conv.channelsOut),
        ],
        [mergeMomentsKernel(step, rows), [scratch, at(step.moments), parameters], () => [step.channels, 1, 1]],
      ];
    }
    case "evalStage": {
      const results = present([step.output, step.total?.buffer]);
      return [[convKernel(step), [at(step.input), parameters, ...results], convGrid(step, step.conv.channelsOut)]];
    }
    case "normalise": {
      const results = present([step.output, step.total?.buffer]);
      const bound = [at(step.activation), at(step.moments), parameters, ...results];
      return [[normaliseKernel(step, threads), bound, each(step.positions * step.channels)]];
    }
    case "dense":
      return [denseEntry(step, at(step.input), at(step.output), true, context)];
    case "upsample":
      return [[
        upsampleKernel(step, threads),
        [at(step.input), at(step.output)],
        each(4 * step.rows * step.cols * step.channels),
      ]];
    case "loss":
      return [
        [
          lossKernel(step, threads),
          [at(step.output), at(step.target), at(step.gradOutput), scratch],
          (n) => [Math.ceil(n * step.features / LOSS_CHUNK), 1, 1],
        ],
        [mergeLossKernel(step), [scratch, losses], () => [1, 1, 1]],
      ];
    case "upsampleGradient":
      return [[
        upsampleGradientKernel(step, threads),
        [at(step.gradOutput), at(step.gradInput)],
        each(step.rows * step.cols * step.channels),
      ]];
    case "denseGradient": {
      const count = Math.ceil((step.featuresIn + 1) * step.featuresOut / threads);
      const weight: Entry = [
        denseWeightGradientKernel(step, threads),
        [at(step.input), at(step.gradOutput), gradients],
        () => grid(count),
      ];
      if (step.gradInput === undefined) return [weight];
      return [weight, denseEntry(step, at(step.gradOutput), at(step.gradInput), false, context)];
    }
    case "normaliseSums": {
      const { channelLanes, perChunk } = sumChunks(step, batch, threads);
      const bound = [at(step.activation), at(step.moments), ...present([step.gradOutput, step.gradTotal]), scratch];
      const chunks: Grid = (
        n,
      ) => [Math.ceil(n * step.positions / perChunk), Math.ceil(step.channels / channelLanes), 1];
      return [
        [partialSumsKernel(step, batch, threads), bound, chunks],
        [mergeSumsKernel(step, batch, threads), [scratch, gradients], () => [step.channels, 1, 1]],
      ];
    }
    case "normaliseGradient": {
      const bound = [at(step.activation), at(step.moments), ...present([step.gradOutput, step.gradTotal])];
      bound.push(parameters, gradients, at(step.gradConv));
      return [[normaliseGradientKernel(step, threads), bound, each(step.positions * step.channels)]];
    }
    case "convWeightGradient": {
      const { tile, weightRows, splits } = weightGradientSplit(step, batch);
      const colTiles = Math.ceil(step.conv.channelsOut / tile.cols);
      const count = Math.ceil((weightRows + 1) * step.conv.channelsOut / threads);
      const bound = [at(step.input), at(step.gradConv), scratch];
      return [
        [
          convWeightGradientKernel(step, batch),
          bound,
          () => grid(Math.ceil(weightRows / tile.rows), splits * colTiles),
        ],
        [sumSplitsKernel(step, batch, threads), [scratch, gradients], () => [count, 1, 1]],
      ];
    }
    case "convInputGradient":
      return [[
        convInputGradientKernel(step),
        [at(step.gradConv), parameters, at(step.gradInput)],
        convGrid(step, step.conv.channelsIn),
      ]];
    case "update": {
      const { trainedSize } = plan.layout;
      const bound = [gradients, parameters, adamM, adamV];
      return [[adamKernel(trainedSize, threads), bound, () => grid(Math.ceil(trainedSize / threads))]];
    }
  }
}

function convGrid({ conv }: { conv: { rows: number; cols: number } }, columns: number): Grid {
  const tile = tileFor(columns);
  return (n) => grid(Math.ceil(n * conv.rows * conv.cols / tile.rows), Math.ceil(columns / tile.cols));
}

/** A dense product from `source` to `result`: forward, or (without bias) the gradient of the input. */
function denseEntry(
  step: Extract<Step, { kind: "dense" | "denseGradient" }>,
  source: GPUBuffer,
  result: GPUBuffer,
  forward: boolean,
  { shared, threads }: StepContext,
): Entry {
  const bound = [source, shared.parameters, result];
  const resultIsShort = (step.order === "outIn") === forward;
  const floats = forward ? step.featuresOut : step.featuresIn;
  if (resultIsShort) return [toShortKernel(step, forward, threads), bound, (n) => grid(n * floats)];
  return [toLongKernel(step, forward, threads), bound, (n) => grid(Math.ceil(n * floats / threads))];
}
