import { planTraining } from "../../lib/compute/plan.ts";
import type { ConvGeometry } from "../../lib/compute/network_units.ts";
import type { Step } from "../../lib/compute/step.ts";
import type { Network } from "../../models/network.ts";

/** What a kernel does at least: operations on float32, and bytes between it and the GPU's memory. */
export interface KernelCost {
  readonly kernel: string;
  readonly count: number;
  readonly operations: number;
  readonly bytes: number;
}

/** NVIDIA's figures of an H100 SXM: float32 without tensor cores, and HBM3. */
export const H100 = { operationsPerSecond: 66.9e12, bytesPerSecond: 3.35e12 };

/** The least milliseconds on an H100, whichever of arithmetic and memory takes longer. */
export function floorMs({ operations, bytes }: Pick<KernelCost, "operations" | "bytes">): number {
  return 1000 * Math.max(operations / H100.operationsPerSecond, bytes / H100.bytesPerSecond);
}

/** Cost of a training step by kind of kernel, largest floor first; each value is read and written once. */
export function trainingCosts(network: Network, batch: number): KernelCost[] {
  const plan = planTraining(network, batch);
  const kinds = new Map<string, KernelCost>();
  for (const step of plan.steps) {
    const { operations, floats } = costOf(step, batch, plan.layout.trainedSize);
    const last = kinds.get(step.kind) ?? { kernel: step.kind, count: 0, operations: 0, bytes: 0 };
    kinds.set(step.kind, {
      kernel: step.kind,
      count: last.count + 1,
      operations: last.operations + operations,
      bytes: last.bytes + 4 * floats,
    });
  }
  return [...kinds.values()].sort((a, b) => floorMs(b) - floorMs(a));
}

function costOf(step: Step, n: number, parameters: number): { operations: number; floats: number } {
  switch (step.kind) {
    case "conv":
    case "stage":
    case "evalStage":
    case "convInputGradient":
    case "convWeightGradient":
      return convCost(step.conv, n);
    case "dense":
      return denseCost(step.featuresIn, step.featuresOut, n, 1);
    case "denseGradient":
      return denseCost(step.featuresIn, step.featuresOut, n, step.gradInput === undefined ? 1 : 2);
    case "normalise": {
      const results = (step.output === undefined ? 0 : 1) + (step.total ? 2 : 0);
      return elementwise(n * step.positions * step.channels, 4, 1 + results);
    }
    case "normaliseSums":
      return elementwise(n * step.positions * step.channels, 5, 1 + gradients(step));
    case "normaliseGradient":
      return elementwise(n * step.positions * step.channels, 10, 2 + gradients(step));
    case "upsample":
    case "upsampleGradient":
      return elementwise(n * step.rows * step.cols * step.channels, 4, 5);
    case "loss":
      return elementwise(n * step.features, 4, 3);
    case "update":
      return elementwise(parameters, 12, 7);
  }
}

function convCost({ rows, cols, kernelRows, kernelCols, channelsIn, channelsOut }: ConvGeometry, n: number) {
  const positions = n * rows * cols, weights = kernelRows * kernelCols * channelsIn * channelsOut;
  return { operations: 2 * positions * weights, floats: positions * (channelsIn + channelsOut) + weights };
}

function denseCost(inputs: number, outputs: number, n: number, products: number) {
  const floats = n * (inputs + outputs) + inputs * outputs;
  return { operations: 2 * products * n * inputs * outputs, floats: products * floats };
}

function elementwise(values: number, operationsEach: number, touches: number) {
  return { operations: values * operationsEach, floats: values * touches };
}

function gradients(step: { gradOutput?: number; gradTotal?: number }): number {
  return [step.gradOutput, step.gradTotal].filter((id) => id !== undefined).length;
}
