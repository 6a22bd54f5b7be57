import { ADAM, stepFactors } from "../optimiser.ts";
import type { OptimiserOptions } from "../optimiser.ts";
import { NORM_EPS, NORM_MOMENTUM } from "../step.ts";
import type { ParameterSlot } from "../parameter_layout.ts";
import type { BufferId, Step } from "../step.ts";
import { convolve, convolveInputGradient, convolveWeightGradient } from "./convolution.ts";
import { dense, denseGradient } from "./dense.ts";

/** What steps work on. Arithmetic is float64; parameters and moments are kept in float32 so that a state is exact. */
export interface Machine {
  readonly buffers: readonly Float64Array[];
  readonly parameters: Float32Array;
  readonly gradients: Float64Array;
  readonly adamM: Float32Array;
  readonly adamV: Float32Array;
  readonly optimiser: OptimiserOptions;
  /** Optimiser steps done. */
  step: number;
  /** Of the last mini-batch. */
  loss: number;
}

/** Runs one step of a plan for the first `n` samples of the buffers. */
export function runStep(machine: Machine, step: Step, n: number): void {
  const at = (id: BufferId) => machine.buffers[id];
  const value = (slot: ParameterSlot) => machine.parameters.subarray(slot.offset, slot.offset + slot.size);
  const grad = (slot: ParameterSlot) => machine.gradients.subarray(slot.offset, slot.offset + slot.size);
  switch (step.kind) {
    case "conv":
      return convolve(step.conv, n, {
        input: at(step.input),
        weight: value(step.weight),
        bias: value(step.bias),
        output: at(step.output),
      });
    case "stage":
      return stage(machine, step, n);
    case "normalise":
      return normalise(machine, step, n, at(step.activation), at(step.moments));
    case "evalStage":
      return evalStage(machine, step, n);
    case "dense":
      return dense(step, n, {
        input: at(step.input),
        weight: value(step.weight),
        bias: value(step.bias),
        output: at(step.output),
      });
    case "upsample":
      return forEachUpsampled(step, n, (small, large) => at(step.output)[large] = at(step.input)[small]);
    case "loss":
      return loss(machine, step, n);
    case "upsampleGradient":
      at(step.gradInput).fill(0, 0, n * step.rows * step.cols * step.channels);
      return forEachUpsampled(step, n, (small, large) => at(step.gradInput)[small] += at(step.gradOutput)[large]);
    case "denseGradient":
      return denseGradient(step, n, {
        input: at(step.input),
        weight: value(step.weight),
        gradOutput: at(step.gradOutput),
        gradWeight: grad(step.weight),
        gradBias: grad(step.bias),
        gradInput: step.gradInput === undefined ? undefined : at(step.gradInput),
      });
    case "normaliseSums":
      return normaliseSums(machine, step, n);
    case "normaliseGradient":
      return normaliseGradient(machine, step, n);
    case "convWeightGradient":
      return convolveWeightGradient(step.conv, n, {
        input: at(step.input),
        gradOutput: at(step.gradConv),
        gradWeight: grad(step.weight),
        gradBias: grad(step.bias),
      });
    case "convInputGradient":
      return convolveInputGradient(step.conv, n, {
        weight: value(step.weight),
        gradOutput: at(step.gradConv),
        gradInput: at(step.gradInput),
      });
    case "update":
      return update(machine);
  }
}

type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

function stage({ buffers, parameters }: Machine, step: StepOf<"stage">, n: number): void {
  const { channels, norm } = step;
  const activation = buffers[step.activation];
  const count = n * step.positions;
  convolveLeaky(step, n, parameters, buffers[step.input], activation);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += activation[i * channels + c];
    const mean = sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += (activation[i * channels + c] - mean) ** 2;
    buffers[step.moments][c] = mean;
    buffers[step.moments][channels + c] = 1 / Math.sqrt(squares / count + NORM_EPS);
    const { runningMean, runningVar } = norm;
    parameters[runningMean.offset + c] += NORM_MOMENTUM * (mean - parameters[runningMean.offset + c]);
    const unbiased = squares / Math.max(count - 1, 1);
    parameters[runningVar.offset + c] += NORM_MOMENTUM * (unbiased - parameters[runningVar.offset + c]);
  }
}

function evalStage({ buffers, parameters }: Machine, step: StepOf<"evalStage">, n: number): void {
  const { channels, norm } = step;
  const activation = new Float64Array(n * step.positions * channels);
  convolveLeaky(step, n, parameters, buffers[step.input], activation);
  const moments = new Float64Array(2 * channels);
  for (let c = 0; c < channels; c++) {
    moments[c] = parameters[norm.runningMean.offset + c];
    moments[channels + c] = 1 / Math.sqrt(parameters[norm.runningVar.offset + c] + NORM_EPS);
  }
  normalise({ buffers, parameters }, step, n, activation, moments);
}

function convolveLeaky(
  step: StepOf<"stage" | "evalStage">,
  n: number,
  parameters: Float32Array,
  input: Float64Array,
  output: Float64Array,
): void {
  const value = ({ offset, size }: ParameterSlot) => parameters.subarray(offset, offset + size);
  convolve(step.conv, n, { input, weight: value(step.weight), bias: value(step.bias), output });
  for (let i = 0; i < n * step.positions * step.channels; i++) if (output[i] <= 0) output[i] *= step.slope;
}

function normalise(
  { buffers, parameters }: Pick<Machine, "buffers" | "parameters">,
  step: StepOf<"normalise" | "evalStage">,
  n: number,
  activation: Float64Array,
  moments: Float64Array,
): void {
  const { channels, slope, norm, output, total } = step;
  for (let i = 0; i < n * step.positions * channels; i++) {
    const c = i % channels;
    const a = activation[i];
    const xhat = (a - moments[c]) * moments[channels + c];
    const y = parameters[norm.gamma.offset + c] * xhat + parameters[norm.beta.offset + c];
    if (output !== undefined) buffers[output][i] = y;
    if (total === undefined) continue;
    const three = (a > 0 ? a : a / slope) + a + y;
    buffers[total.buffer][i] = total.first ? three : buffers[total.buffer][i] + three;
  }
}

function normaliseSums(machine: Machine, step: StepOf<"normaliseSums">, n: number): void {
  const { gradients, buffers } = machine;
  const { channels, norm } = step;
  const moments = buffers[step.moments];
  for (let c = 0; c < channels; c++) {
    let [sum, product] = [0, 0];
    for (let i = c; i < n * step.positions * channels; i += channels) {
      const g = gradientAt(machine, step, i);
      sum += g;
      product += g * (buffers[step.activation][i] - moments[c]) * moments[channels + c];
    }
    gradients[norm.beta.offset + c] = sum;
    gradients[norm.gamma.offset + c] = product;
  }
}

function normaliseGradient(machine: Machine, step: StepOf<"normaliseGradient">, n: number): void {
  const { buffers, gradients, parameters } = machine;
  const { channels, norm, slope } = step;
  const moments = buffers[step.moments];
  const count = n * step.positions;
  for (let i = 0; i < count * channels; i++) {
    const c = i % channels;
    const a = buffers[step.activation][i];
    const xhat = (a - moments[c]) * moments[channels + c];
    const centred = gradientAt(machine, step, i) - gradients[norm.beta.offset + c] / count -
      xhat * gradients[norm.gamma.offset + c] / count;
    const direct = step.gradTotal === undefined ? 0 : buffers[step.gradTotal][i];
    const gradActivation = parameters[norm.gamma.offset + c] * moments[channels + c] * centred + direct;
    buffers[step.gradConv][i] = gradActivation * (a > 0 ? 1 : slope) + direct;
  }
}

function gradientAt(
  { buffers }: Machine,
  { gradOutput, gradTotal }: { gradOutput?: BufferId; gradTotal?: BufferId },
  i: number,
): number {
  return (gradOutput === undefined ? 0 : buffers[gradOutput][i]) +
    (gradTotal === undefined ? 0 : buffers[gradTotal][i]);
}

function loss(machine: Machine, step: StepOf<"loss">, n: number): void {
  const count = n * step.features;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    const difference = machine.buffers[step.output][i] - machine.buffers[step.target][i];
    squares += difference ** 2;
    machine.buffers[step.gradOutput][i] = 2 * difference / count;
  }
  machine.loss = squares / count;
}

function forEachUpsampled(
  step: { rows: number; cols: number; channels: number },
  n: number,
  visit: (small: number, large: number) => void,
): void {
  const { rows, cols, channels } = step;
  for (let row = 0; row < n * 2 * rows; row++) {
    for (let col = 0; col < 2 * cols; col++) {
      const small = ((row >> 1) * cols + (col >> 1)) * channels;
      const large = (row * 2 * cols + col) * channels;
      for (let c = 0; c < channels; c++) visit(small + c, large + c);
    }
  }
}

/** Adam as PyTorch writes it (Kingma and Ba, https://arxiv.org/abs/1412.6980), after decoupled weight decay. */
function update(machine: Machine): void {
  const { parameters, gradients, adamM, adamV } = machine;
  const { rate, scale, decay } = stepFactors(machine.optimiser, ++machine.step);
  for (let i = 0; i < gradients.length; i++) {
    const g = gradients[i];
    adamM[i] = ADAM.beta1 * adamM[i] + (1 - ADAM.beta1) * g;
    adamV[i] = ADAM.beta2 * adamV[i] + (1 - ADAM.beta2) * g * g;
    parameters[i] = decay * parameters[i] - rate * adamM[i] / (Math.sqrt(adamV[i]) * scale + ADAM.eps);
  }
}
