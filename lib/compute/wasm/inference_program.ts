import { denseDot, denseOuter } from "./dense_commands.ts";
import { linearDot, linearOuter } from "./linear_commands.ts";
import { float, MODE } from "./kernel_ops.ts";
import type { Command } from "./kernel_ops.ts";
import { convolveCommands, filterCommand } from "./conv_commands.ts";
import type { Arena } from "./shared_heap.ts";
import type { Stage, WasmModel } from "./wasm_model.ts";

/** Memory of one inference batch, enough for `samples`. */
export interface InferenceBuffers {
  readonly samples: number;
  readonly input: number;
  readonly latent: number;
  readonly output: number;
  /** Activations: two in turn, and the pyramid's total. */
  readonly even: number;
  readonly odd: number;
  readonly total: number;
}

export function allocateInference(model: WasmModel, arena: Arena, samples: number): InferenceBuffers {
  const { network, channels } = model;
  const pixels = Math.max(...[...model.encoder, ...model.decoder].map((stage) => stage.pixels));
  const activation = () => arena.floats(samples * pixels * channels);
  const scalars = (shape: readonly number[]) => arena.floats(samples * shape.reduce((a, b) => a * b, 1));
  return {
    samples,
    input: scalars(network.inputShape),
    latent: arena.floats(samples * network.options.latent),
    output: scalars(network.outputShape),
    even: activation(),
    odd: activation(),
    total: activation(),
  };
}

/** What evaluation derives from the weights: batch norm's scale and shift, transformed filters. */
export function preparation(model: WasmModel): Command[][] {
  const commands = [...model.encoder, ...model.decoder].flatMap((stage): Command[] => {
    const { norm, weight } = stage.unit;
    const channels = stage.role === "last" ? 1 : model.channels;
    const at = (slot: { spec: { name: string } }) => model.weight(slot.spec.name);
    const running: Command = {
      op: "normRunning",
      jobs: Math.ceil(channels / 8),
      args: [
        ...[norm.runningMean, norm.runningVar, norm.gamma, norm.beta].map(at),
        stage.running,
        stage.running + 4 * channels,
        channels,
      ],
    };
    return stage.role === "inner" ? [running, filterCommand(stage, at(weight), channels, false)] : [running];
  });
  return [commands];
}

/** Evaluation of `samples` inputs: images or spectra -> latent variables. */
export function encoding(model: WasmModel, buffers: InferenceBuffers, samples: number): Command[][] {
  const { stages, activation } = evaluateStages(model, model.encoder, { ...buffers, samples }, buffers.input);
  const source = { address: activation, affine: model.identity };
  const bias = model.weight(model.denseIn.bias.spec.name);
  const { input, latent } = buffers;
  const linear = model.linear ? [[linearDot(model, "encoder", { samples, row: input, latent })]] : [];
  return [...linear, ...stages, [denseDot(model, "in", { samples, source, bias, output: latent })]];
}

/** Evaluation of `samples` latent vectors -> spectra or images. */
export function decoding(model: WasmModel, buffers: InferenceBuffers, samples: number): Command[][] {
  const { latent, even: output } = buffers;
  const dense = denseOuter(model, "out", {
    samples,
    latent,
    bias: model.weight(model.denseOut.bias.spec.name),
    output,
  });
  const linear = model.linear ? [[linearOuter(model, { samples, latent, row: buffers.output, added: true })]] : [];
  return [[dense], ...evaluateStages(model, model.decoder, { ...buffers, samples }, buffers.even).stages, ...linear];
}

function evaluateStages(model: WasmModel, stages: readonly Stage[], buffers: InferenceBuffers, input: number) {
  let activation = input;
  const program = stages.map((stage) => {
    const { pyramid } = stage.unit;
    const output = activation === buffers.even ? buffers.odd : buffers.even;
    const commands = evaluateStage(model, stage, buffers, activation, output);
    activation = pyramid === "last" ? buffers.total : output;
    return commands;
  });
  return { stages: program, activation };
}

function evaluateStage(
  model: WasmModel,
  stage: Stage,
  buffers: InferenceBuffers,
  input: number,
  output: number,
): Command[] {
  const { samples } = buffers;
  const { channels } = model;
  const { conv, unit, running, pixels, tapRows } = stage;
  const weight = model.weight(unit.weight.spec.name), bias = model.weight(unit.bias.spec.name);
  const slope = float(unit.slope);
  if (stage.role === "first") {
    const after = [running, running + 4 * channels, 0, 0];
    const args = [
      input,
      conv.rows,
      conv.cols,
      tapRows,
      weight,
      channels,
      output,
      0,
      MODE.evaluate,
      bias,
      slope,
      ...after,
    ];
    return [{ op: "expand", jobs: samples, args }];
  }
  if (stage.role === "last") {
    const { weight: w, bias: b } = model.head;
    const after = [running, running + 4, model.weight(w.spec.name), model.weight(b.spec.name), 0];
    const args = [input, conv.rows, conv.cols, tapRows, weight, channels, buffers.output, bias, slope, ...after];
    return [{ op: "contract", jobs: samples, args }];
  }
  const { pyramid } = unit;
  return convolveCommands(stage.tiles, {
    samples,
    channels,
    input,
    inputPixels: stage.upsampled ? pixels / 4 : pixels,
    affine: model.identity,
    filter: stage.filter,
    output: pyramid === "last" ? 0 : output,
    outputPixels: pixels,
    mode: "evaluate",
    bias,
    slope: unit.slope,
    outAffine: running,
    total: buffers.total,
    totalMode: pyramid === undefined ? 0 : pyramid === "first" ? 1 : 2,
  });
}
