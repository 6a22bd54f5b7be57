import type * as tfjs from "@tensorflow/tfjs-core";
import type { ConvGeometry } from "../network_units.ts";
import type { ParameterSlot } from "../parameter_layout.ts";
import { NORM_EPS, NORM_MOMENTUM } from "../step.ts";
import type { BufferId, Step } from "../step.ts";

export type Tfjs = typeof tfjs;
type Tensor = tfjs.Tensor;

/** Tensors by buffer and by parameter name; steps put new ones in, nothing is changed in place. */
export interface TensorMachine {
  readonly tf: Tfjs;
  readonly n: number;
  /** Activations: (N * positions, channels), or (N, features) around dense layers. */
  readonly buffers: Map<BufferId, Tensor>;
  /** Flat, in the layout's order of axes. */
  readonly parameters: Map<string, Tensor>;
  readonly gradients: Map<string, Tensor>;
  loss?: Tensor;
}

type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/** Runs one step of a plan, but for `update`, through tfjs operations. */
export function runStep(machine: TensorMachine, step: Step): void {
  const { tf, buffers, gradients } = machine;
  const at = (id: BufferId) => buffers.get(id)!;
  switch (step.kind) {
    case "conv":
      buffers.set(step.output, convolve(machine, step, at(step.input)));
      return;
    case "stage":
      return stage(machine, step);
    case "normalise": {
      const [mean, inverse] = tf.split(at(step.moments), 2);
      return normalise(machine, step, at(step.activation), mean, inverse);
    }
    case "evalStage": {
      const activation = tf.leakyRelu(convolve(machine, step, at(step.input)), step.slope);
      const mean = value(machine, step.norm.runningMean);
      const inverse = tf.rsqrt(tf.add(value(machine, step.norm.runningVar), NORM_EPS));
      return normalise(machine, step, activation, mean, inverse);
    }
    case "dense": {
      const input = tf.reshape(at(step.input), [machine.n, step.featuresIn]);
      const product = tf.matMul(input, denseWeight(machine, step), false, step.order === "outIn");
      const output = tf.add(product, value(machine, step.bias));
      buffers.set(step.output, step.added ? addTo(machine, step.output, output) : output);
      return;
    }
    case "upsample": {
      const image = tf.reshape(at(step.input), [machine.n, step.rows, step.cols, step.channels]);
      const large = tf.image.resizeNearestNeighbor(image as tfjs.Tensor4D, [2 * step.rows, 2 * step.cols]);
      buffers.set(step.output, tf.reshape(large, [-1, step.channels]));
      return;
    }
    case "loss":
      return loss(machine, step);
    case "upsampleGradient": {
      const { rows, cols, channels } = step;
      const down = tf.sum(tf.reshape(at(step.gradOutput), [machine.n * rows, 2, cols * 2 * channels]), 1);
      buffers.set(step.gradInput, tf.reshape(tf.sum(tf.reshape(down, [-1, 2, channels]), 1), [-1, channels]));
      return;
    }
    case "denseGradient":
      return denseGradient(machine, step);
    case "normaliseSums": {
      const { g, xhat } = normalisedGradient(machine, step);
      gradients.set(step.norm.beta.spec.name, tf.sum(g, 0));
      gradients.set(step.norm.gamma.spec.name, tf.sum(tf.mul(g, xhat), 0));
      return;
    }
    case "normaliseGradient":
      return normaliseGradient(machine, step);
    case "convWeightGradient": {
      const gradient = at(step.gradConv);
      const weight = tf.matMul(unfold(machine, step.conv, at(step.input), step.conv.channelsIn, 1), gradient, true);
      gradients.set(step.weight.spec.name, tf.reshape(weight, [-1]));
      gradients.set(step.bias.spec.name, tf.sum(gradient, 0));
      return;
    }
    case "convInputGradient": {
      const { channelsIn, channelsOut } = step.conv;
      const taps = tf.reshape(value(machine, step.weight), [-1, channelsIn, channelsOut]);
      const mirrored = tf.reshape(tf.transpose(taps, [0, 2, 1]), [-1, channelsIn]);
      const patches = unfold(machine, step.conv, at(step.gradConv), channelsOut, -1);
      buffers.set(step.gradInput, tf.matMul(patches as tfjs.Tensor2D, mirrored as tfjs.Tensor2D));
      return;
    }
    case "update":
      throw new Error("The session updates");
  }
}

function value({ parameters }: TensorMachine, slot: ParameterSlot): Tensor {
  return parameters.get(slot.spec.name)!;
}

function convolve(
  machine: TensorMachine,
  step: { conv: ConvGeometry; weight: ParameterSlot; bias: ParameterSlot },
  input: Tensor,
): Tensor {
  const { tf } = machine;
  const { channelsIn, channelsOut } = step.conv;
  const weight = tf.reshape(value(machine, step.weight), [-1, channelsOut]);
  return tf.add(tf.matMul(unfold(machine, step.conv, input, channelsIn, 1), weight), value(machine, step.bias));
}

/**
 * (N * positions, taps * channels): beside each position what each tap sees there, zeros outside. tfjs differentiates no
 * dilated convolution, so all are shifts and one matrix product; `sign` -1 mirrors the kernel.
 */
function unfold({ tf, n }: TensorMachine, conv: ConvGeometry, input: Tensor, channels: number, sign: 1 | -1): Tensor {
  const { rows, cols, kernelRows, kernelCols, dilation } = conv;
  if (kernelCols === 1) return input;
  const [down, right] = [kernelRows === 3 ? dilation : 0, dilation];
  const image = tf.reshape(input, [n, rows, cols, channels]);
  const padded = tf.pad(image, [[0, 0], [down, down], [right, right], [0, 0]]);
  const taps: Tensor[] = [];
  for (let row = 0; row < kernelRows; row++) {
    for (let col = 0; col < kernelCols; col++) {
      const [i, j] = sign === 1 ? [row, col] : [kernelRows - 1 - row, kernelCols - 1 - col];
      taps.push(tf.reshape(tf.slice(padded, [0, i * down, j * right, 0], [n, rows, cols, channels]), [-1, channels]));
    }
  }
  return tf.concat(taps, 1);
}

function stage(machine: TensorMachine, step: StepOf<"stage">): void {
  const { tf, buffers, parameters } = machine;
  const activation = tf.leakyRelu(convolve(machine, step, buffers.get(step.input)!), step.slope);
  const { mean, variance } = tf.moments(activation, 0);
  buffers.set(step.activation, activation);
  buffers.set(step.moments, tf.concat([mean, tf.rsqrt(tf.add(variance, NORM_EPS))]));
  const count = machine.n * step.positions;
  const unbiased = tf.mul(variance, count / Math.max(count - 1, 1));
  for (const [slot, target] of [[step.norm.runningMean, mean], [step.norm.runningVar, unbiased]] as const) {
    const old = value(machine, slot);
    parameters.set(slot.spec.name, tf.add(old, tf.mul(tf.sub(target, old), NORM_MOMENTUM)));
  }
}

function normalise(
  machine: TensorMachine,
  step: StepOf<"normalise" | "evalStage">,
  activation: Tensor,
  mean: Tensor,
  inverse: Tensor,
): void {
  const { tf, buffers } = machine;
  const xhat = tf.mul(tf.sub(activation, mean), inverse);
  const y = tf.add(tf.mul(xhat, value(machine, step.norm.gamma)), value(machine, step.norm.beta));
  if (step.output !== undefined) buffers.set(step.output, y);
  if (!step.total) return;
  const plain = tf.where(tf.greater(activation, 0), activation, tf.div(activation, step.slope));
  const three = tf.addN([plain, activation, y]);
  const { buffer, first } = step.total;
  buffers.set(buffer, first ? three : tf.add(buffers.get(buffer)!, three));
}

function loss(machine: TensorMachine, step: StepOf<"loss">): void {
  const { tf, buffers, n } = machine;
  const output = buffers.get(step.output)!;
  const difference = tf.sub(output, tf.reshape(buffers.get(step.target)!, output.shape));
  machine.loss = tf.mean(tf.square(difference));
  buffers.set(step.gradOutput, tf.mul(difference, 2 / (n * step.features)));
}

function denseGradient(machine: TensorMachine, step: StepOf<"denseGradient">): void {
  const { tf, buffers, gradients, n } = machine;
  const input = tf.reshape(buffers.get(step.input)!, [n, step.featuresIn]);
  const gradient = tf.reshape(buffers.get(step.gradOutput)!, [n, step.featuresOut]);
  const weight = step.order === "outIn" ? tf.matMul(gradient, input, true) : tf.matMul(input, gradient, true);
  gradients.set(step.weight.spec.name, tf.reshape(weight, [-1]));
  gradients.set(step.bias.spec.name, tf.sum(gradient, 0));
  if (step.gradInput === undefined) return;
  const gradInput = tf.matMul(gradient, denseWeight(machine, step), false, step.order === "inOut");
  buffers.set(step.gradInput, step.added ? addTo(machine, step.gradInput, gradInput) : gradInput);
}

/** The sum with what a buffer holds, in that one's shape. */
function addTo({ tf, buffers }: TensorMachine, buffer: BufferId, more: Tensor): Tensor {
  const held = buffers.get(buffer)!;
  return tf.add(held, tf.reshape(more, held.shape));
}

function denseWeight(machine: TensorMachine, step: StepOf<"dense" | "denseGradient">): Tensor {
  const { featuresIn, featuresOut, order } = step;
  const shape = order === "outIn" ? [featuresOut, featuresIn] : [featuresIn, featuresOut];
  return machine.tf.reshape(value(machine, step.weight), shape);
}

function normalisedGradient(machine: TensorMachine, step: StepOf<"normaliseSums" | "normaliseGradient">) {
  const { tf, buffers } = machine;
  const [mean, inverse] = tf.split(buffers.get(step.moments)!, 2);
  const activation = buffers.get(step.activation)!;
  const parts = [step.gradOutput, step.gradTotal].filter((id) => id !== undefined)
    .map((id) => tf.reshape(buffers.get(id)!, activation.shape));
  return { g: tf.addN(parts), xhat: tf.mul(tf.sub(activation, mean), inverse), activation, inverse };
}

function normaliseGradient(machine: TensorMachine, step: StepOf<"normaliseGradient">): void {
  const { tf, buffers, gradients, n } = machine;
  const { g, xhat, activation, inverse } = normalisedGradient(machine, step);
  const count = n * step.positions;
  const [beta, gamma] = [step.norm.beta, step.norm.gamma].map((slot) => tf.div(gradients.get(slot.spec.name)!, count));
  const centred = tf.sub(g, tf.add(beta, tf.mul(xhat, gamma)));
  let gradient = tf.mul(centred, tf.mul(value(machine, step.norm.gamma), inverse));
  const direct = step.gradTotal === undefined ? undefined : tf.reshape(buffers.get(step.gradTotal)!, activation.shape);
  if (direct) gradient = tf.add(gradient, direct);
  const slopes = tf.where(tf.greater(activation, 0), tf.onesLike(activation), tf.fill(activation.shape, step.slope));
  const gradConv = tf.mul(gradient, slopes);
  buffers.set(step.gradConv, direct ? tf.add(gradConv, direct) : gradConv);
}
