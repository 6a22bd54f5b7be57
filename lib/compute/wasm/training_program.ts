import { sizeOf } from "../../base/nd_array.ts";
import { ADAM } from "../optimiser.ts";
import { convolveCommands, filterCommand, groupsOf, partCount, weightCommands } from "./conv_commands.ts";
import { denseDot, denseOuter, denseWeight } from "./dense_commands.ts";
import type { Source } from "./dense_commands.ts";
import { linearDot, linearOuter, linearWeight } from "./linear_commands.ts";
import { float, MODE } from "./kernel_ops.ts";
import type { Command } from "./kernel_ops.ts";
import type { TrainingBuffers } from "./training_buffers.ts";
import type { Stage, WasmModel } from "./wasm_model.ts";

export interface TrainingProgramOptions {
  readonly samples: number;
  /** Where the whole training set lies; absent: input and target are in place already. */
  readonly trainingSet?: { readonly input: number; readonly target: number };
  /** Of noise on the inputs (optimiser.ts); 0 for none. */
  readonly noiseFactor?: number;
  /** Adam's step, and batch norm's running statistics. */
  readonly update: boolean;
}

/**
 * The program of one training step. Forward, a stage reads its predecessor's activation and normalises it on the way
 * in, so that batch norm's output is never stored. Backward, the gradient of each batch norm's output is written
 * together with the two sums that its gradient needs.
 */
export function trainingProgram(
  model: WasmModel,
  buffers: TrainingBuffers,
  options: TrainingProgramOptions,
): Command[][] {
  const writer = new TrainingWriter(model, buffers, options);
  writer.prepare();
  writer.forward();
  writer.backward();
  if (options.update) writer.update();
  return writer.stages;
}

class TrainingWriter {
  readonly stages: Command[][] = [];
  private readonly samples: number;
  private readonly channels: number;
  private encoded: Source = { address: 0, affine: 0 };
  /** What each stage read. */
  private readonly sources = new Map<Stage, Source>();

  constructor(
    private readonly model: WasmModel,
    private readonly buffers: TrainingBuffers,
    private readonly options: TrainingProgramOptions,
  ) {
    this.samples = options.samples;
    this.channels = model.channels;
  }

  /** The mini-batch. */
  prepare(): void {
    const { model, buffers, samples } = this;
    const set = this.options.trainingSet;
    if (!set) return;
    const gather = (from: number, floats: number, to: number, noise: number): Command => ({
      op: "gatherRow",
      jobs: samples,
      args: [from, floats, buffers.indices, samples, to, buffers.adamTable, float(noise)],
    });
    this.stages.push([
      gather(set.input, sizeOf(model.network.inputShape), buffers.input, this.options.noiseFactor ?? 0),
      gather(set.target, sizeOf(model.network.outputShape), buffers.target, 0),
    ]);
  }

  forward(): void {
    const { model, buffers, samples } = this;
    const { identity, denseIn, denseOut } = model;
    if (model.linear) {
      this.stages.push([linearDot(model, "encoder", { samples, row: buffers.input, latent: buffers.latent })]);
    }
    this.encoded = this.forwardStages(model.encoder, { address: buffers.input, affine: identity });
    const bias = this.weight(denseIn.bias), gridBias = this.weight(denseOut.bias);
    this.stages.push([denseDot(model, "in", { samples, source: this.encoded, bias, output: buffers.latent })]);
    const { latent, grid } = buffers;
    const linear = model.linear ? [linearOuter(model, { samples, latent, row: buffers.output, added: false })] : [];
    this.stages.push([denseOuter(model, "out", { samples, latent, bias: gridBias, output: grid }), ...linear]);
    this.forwardStages(model.decoder, { address: grid, affine: identity });
  }

  private forwardStages(stages: readonly Stage[], input: Source): Source {
    let source = input;
    for (const stage of stages) {
      this.sources.set(stage, source);
      this.forwardStage(stage, source);
      const { activation, moments } = this.buffers.stages.get(stage)!;
      source = { address: activation, affine: moments };
      if (stage.unit.pyramid === "last") {
        this.stages.push([this.pyramidTotal(stages.filter((other) => other.unit.pyramid !== undefined))]);
        source = { address: this.buffers.total, affine: this.model.identity };
      }
    }
    return source;
  }

  private forwardStage(stage: Stage, source: Source): void {
    const { model, buffers, channels, samples } = this;
    const { unit, conv, pixels, tapRows } = stage;
    const { activation, moments } = buffers.stages.get(stage)!;
    const weight = this.weight(unit.weight), bias = this.weight(unit.bias), sums = buffers.normSums;
    const head = [source.address, conv.rows, conv.cols, tapRows, weight, channels, activation];
    if (stage.role === "first") {
      const args = [...head, 0, MODE.train, bias, float(unit.slope), 0, 0, 0, sums];
      this.stages.push([{ op: "expand", jobs: samples, args }]);
    } else if (stage.role === "last") {
      this.stages.push([{ op: "contract", jobs: samples, args: [...head, bias, float(unit.slope), 0, 0, 0, 0, sums] }]);
    } else {
      this.stages.push(convolveCommands(stage.tiles, {
        samples,
        channels,
        input: source.address,
        inputPixels: stage.upsampled ? pixels / 4 : pixels,
        affine: source.affine,
        filter: stage.filterBack,
        output: activation,
        outputPixels: pixels,
        mode: "train",
        bias,
        slope: unit.slope,
        sums,
      }));
    }
    const width = stage.role === "last" ? 1 : channels;
    const parts = stage.role === "inner" ? partCount(stage.tiles, samples, channels) : samples;
    const running = this.options.update
      ? [unit.norm.runningMean, unit.norm.runningVar].map((s) => model.weight(s.spec.name))
      : [0, 0];
    this.stages.push([...this.nextFilter(stage), {
      op: "normMoments",
      jobs: Math.ceil(width / 8),
      args: [
        sums,
        parts,
        width,
        samples * pixels,
        this.weight(unit.norm.gamma),
        this.weight(unit.norm.beta),
        moments,
        ...running,
      ],
    }]);
  }

  /** The filter of the stage after this one: beside the little work between two convolutions. */
  private nextFilter(stage: Stage): Command[] {
    const all = [...this.model.encoder, ...this.model.decoder];
    const next = all[all.indexOf(stage) + 1];
    return next?.role === "inner" ? [this.filter(next, false)] : [];
  }

  private filter(stage: Stage, back: boolean): Command {
    return filterCommand(stage, this.weight(stage.unit.weight), this.channels, back, stage.filterBack);
  }

  private pyramidTotal(stages: readonly Stage[]): Command {
    const { buffers, channels, samples } = this;
    const { pixels, unit } = stages[0];
    const terms = stages.flatMap((stage) => {
      const { activation, moments } = buffers.stages.get(stage)!;
      return [activation, moments, moments + 4 * channels];
    });
    const args = [buffers.total, samples * pixels, channels, float(1 / unit.slope), stages.length, ...terms];
    return { op: "pyramidTotal", jobs: Math.ceil(samples * pixels / 64), args };
  }

  backward(): void {
    const { model, buffers } = this;
    this.lossBack();
    const inner = model.decoder.slice(0, -1);
    let gradient = this.lastStageBack(model.decoder.at(-1)!, inner.at(-1)!);
    for (const stage of inner.toReversed()) {
      const before = inner[inner.indexOf(stage) - 1];
      gradient = this.stageBack(stage, gradient, before);
    }
    gradient = this.denseBack(gradient, model.encoder.at(-1)!);
    const [first, ...rest] = model.encoder;
    for (const stage of rest.toReversed()) {
      gradient = this.stageBack(stage, gradient, model.encoder[model.encoder.indexOf(stage) - 1]);
    }
    this.firstStageBack(first, gradient, buffers.input);
  }

  /** MSE, the pointwise convolution, and the one-channel norm and leaky ReLU: `outputGradient` ends as d(conv output). */
  private lossBack(): void {
    const { model, buffers, samples } = this;
    const stage = model.decoder.at(-1)!;
    const { activation, moments } = buffers.stages.get(stage)!;
    const { norm, slope } = stage.unit;
    const w = this.weight(model.head.weight), b = this.weight(model.head.bias);
    const count = samples * stage.pixels, { lossSums, outputGradient, coefficients } = buffers;
    const factor = float(2 / count);
    this.stages.push([{
      op: "lossGradient",
      jobs: samples,
      args: [
        ...[activation, buffers.target, stage.pixels, moments, w, b, buffers.output, outputGradient, factor, lossSums],
        model.linear ? 1 : 0,
      ],
    }]);
    const norms = [this.weight(norm.gamma), moments, this.gradient(norm.gamma), this.gradient(norm.beta), coefficients];
    const heads = [w, this.gradient(model.head.weight), this.gradient(model.head.bias), buffers.losses];
    const row = outputGradient, { latent, latentGradient } = buffers;
    const linear = model.linear
      ? [
        linearDot(model, "decoder", { samples, row, latent: latentGradient }),
        linearWeight(model, "decoder", { samples, latent, row }),
      ]
      : [];
    this.stages.push([
      { op: "lossSums", jobs: 1, args: [lossSums, samples, 1, count, ...norms, ...heads] },
      ...linear,
    ]);
    const args = [outputGradient, activation, stage.pixels, coefficients, float(slope), buffers.biasSums];
    this.stages.push([{ op: "scalarBack", jobs: samples, args }]);
  }

  /** Many channels -> one. Returns the gradient of its input, with sums for the norm of the stage before. */
  private lastStageBack(stage: Stage, before: Stage): number {
    const { buffers, channels, samples } = this;
    const { conv, tapRows, unit } = stage;
    const weight = this.weight(unit.weight), taps = tapRows * 3;
    const image = [buffers.outputGradient, conv.rows, conv.cols, tapRows];
    const { activation } = buffers.stages.get(before)!;
    const after = [0, 0, 0, 0, activation, buffers.normSums];
    const gradient = buffers.totalGradient;
    this.stages.push([
      { op: "expand", jobs: samples, args: [...image, weight, channels, gradient, 1, MODE.gradient, ...after] },
      {
        op: "correlateImage",
        jobs: samples,
        args: [...image, this.sources.get(stage)!.address, channels, buffers.imageSums, 1, 0, 0, 0, 0, 0, 0],
      },
    ]);
    this.stages.push([
      this.sumParts(buffers.imageSums, (taps + 1) * channels, this.gradient(unit.weight), taps * channels),
      { op: "sumParts", jobs: 1, args: [buffers.biasSums, samples, 4, this.gradient(unit.bias), 1] },
      this.normGradient(before, samples),
    ]);
    return gradient;
  }

  /** Many channels -> many. Takes d(norm output), returns the gradient of the input, which is d(norm output) before. */
  private stageBack(stage: Stage, gradient: number, before: Stage | undefined): number {
    const { buffers, channels, samples } = this;
    const { activation } = buffers.stages.get(stage)!;
    const { pyramid } = stage.unit;
    const spare = buffers.gradients.filter((address) => address !== gradient);
    // In place, except that a pyramid's total gradient must stay.
    const back = gradient === buffers.totalGradient ? spare[0] : gradient,
      next = buffers.gradients.find((g) => g !== back)!;
    const total = pyramid ? buffers.totalGradient : 0;
    const { coefficients, biasSums, slabs } = buffers;
    const source = this.sources.get(stage)!;
    const weights = weightCommands(stage, {
      samples,
      channels,
      input: source.address,
      affine: source.affine,
      dy: gradient,
      activation,
      total,
      dz: back,
      coefficients,
      biasSums,
      slabs,
      gradient: this.gradient(stage.unit.weight),
    });
    this.stages.push([...weights.points, this.filter(stage, true)]);
    const needsSums = before !== undefined && !stage.upsampled;
    this.stages.push([
      weights.taps,
      ...convolveCommands(stage.tilesBack, {
        samples,
        channels,
        input: back,
        inputPixels: stage.pixels,
        affine: this.model.identity,
        filter: stage.filterBack,
        output: next,
        outputPixels: stage.pixels,
        mode: "gradient",
        added: pyramid && pyramid !== "first" ? total : 0,
        activation: needsSums ? buffers.stages.get(before)!.activation : 0,
        sums: needsSums ? buffers.normSums : 0,
      }),
    ]);
    const parts = partCount(stage.tilesBack, samples, channels), groups = groupsOf(stage.tiles, samples);
    const finishing = [this.sumParts(biasSums, channels, this.gradient(stage.unit.bias), channels, groups)];
    if (!stage.upsampled) {
      this.stages.push(before ? [...finishing, this.normGradient(before, parts)] : finishing);
      return next;
    }
    const { rows, cols } = stage.conv;
    const { activation: low } = buffers.stages.get(before!)!;
    const args = [next, back, rows / 2, cols / 2, channels, low, buffers.normSums];
    this.stages.push([...finishing, { op: "sumCells", jobs: samples, args }]);
    this.stages.push([this.normGradient(before!, samples)]);
    return back;
  }

  /** Both dense layers. Returns d(norm output) of the encoder's last stage. */
  private denseBack(gradient: number, before: Stage): number {
    const { model, buffers, samples } = this;
    const { latent, latentGradient, normSums: sums } = buffers;
    const source = { address: gradient, affine: model.identity };
    const gridGradient = this.gradient(model.denseOut.bias);
    this.stages.push([
      denseDot(model, "out", { samples, source, bias: 0, output: latentGradient }),
      denseWeight(model, "out", { samples, latent, source, biasGradient: gridGradient }),
    ]);
    const next = buffers.gradients.find((address) => address !== gradient)!;
    const activation = this.encoded.address, length = model.network.options.latent;
    const linear = model.linear
      ? [
        linearWeight(model, "encoder", { samples, latent: latentGradient, row: buffers.input }),
        this.sumParts(latentGradient, length, this.gradient(model.linear.encoder.bias), length),
      ]
      : [];
    this.stages.push([
      denseOuter(model, "in", { samples, latent: latentGradient, bias: 0, output: next, activation, sums }),
      denseWeight(model, "in", { samples, latent: latentGradient, source: this.encoded, biasGradient: 0 }),
      this.sumParts(latentGradient, length, this.gradient(model.denseIn.bias), length),
      ...linear,
    ]);
    this.stages.push([this.normGradient(before, samples)]);
    return next;
  }

  /** One channel -> many. */
  private firstStageBack(stage: Stage, gradient: number, image: number): void {
    const { buffers, channels, samples } = this;
    const { conv, tapRows, unit } = stage;
    const { activation } = buffers.stages.get(stage)!;
    const rows = [0, 1, 2].map((row) => buffers.coefficients + 4 * row * channels);
    const head = [image, conv.rows, conv.cols, tapRows, gradient, channels, buffers.imageSums, 0];
    const args = [...head, 1, activation, ...rows, float(unit.slope)];
    this.stages.push([{ op: "correlateImage", jobs: samples, args }]);
    const taps = tapRows * 3, stride = (taps + 1) * channels;
    this.stages.push([
      this.sumParts(buffers.imageSums, stride, this.gradient(unit.weight), taps * channels),
      this.sumParts(buffers.imageSums + 4 * taps * channels, stride, this.gradient(unit.bias), channels),
    ]);
  }

  update(): void {
    const { model, buffers } = this;
    const { trainedSize } = model.parameters;
    const { beta1, beta2, eps } = ADAM;
    const vectors = [model.state, model.gradients, model.adamM, model.adamV];
    const args = [...vectors, trainedSize, buffers.adamTable, float(beta1), float(beta2), float(eps)];
    this.stages.push([{ op: "adam", jobs: Math.ceil(trainedSize / 4096), args }]);
  }

  private sumParts(from: number, strideFloats: number, to: number, floats: number, parts = this.samples): Command {
    return { op: "sumParts", jobs: Math.ceil(floats / 64), args: [from, parts, 4 * strideFloats, to, floats] };
  }

  private normGradient(stage: Stage, parts: number): Command {
    const { buffers, channels, samples } = this;
    const { norm } = stage.unit;
    const { moments } = buffers.stages.get(stage)!;
    return {
      op: "normGradient",
      jobs: Math.ceil(channels / 8),
      args: [
        buffers.normSums,
        parts,
        channels,
        samples * stage.pixels,
        this.weight(norm.gamma),
        moments,
        this.gradient(norm.gamma),
        this.gradient(norm.beta),
        buffers.coefficients,
      ],
    };
  }

  private weight(slot: { spec: { name: string } }): number {
    return this.model.weight(slot.spec.name);
  }

  private gradient(slot: { spec: { name: string } }): number {
    return this.model.gradient(slot.spec.name);
  }
}
