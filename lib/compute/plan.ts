import { sizeOf } from "../base/nd_array.ts";
import type { Network } from "../../models/network.ts";
import { assignSlots } from "./assign_slots.ts";
import type { NamedSize, PlanBuffer } from "./assign_slots.ts";
import { networkUnits } from "./network_units.ts";
import type { Unit } from "./network_units.ts";
import { denseOrder, layoutParameters } from "./parameter_layout.ts";
import type { ParameterLayout } from "./parameter_layout.ts";
import type { BufferId, Step, TotalRef } from "./step.ts";

/** A network made into straight-line work; run it for any n <= batch by scaling the buffers' `floatsPerSample`. */
export interface Plan {
  readonly network: Network;
  readonly batch: number;
  readonly layout: ParameterLayout;
  readonly steps: readonly Step[];
  readonly buffers: readonly PlanBuffer[];
  /** Floats of each piece of memory; buffers whose lives do not overlap share one (`PlanBuffer.slot`). */
  readonly slotSizes: readonly number[];
  /** Filled before the first step: images, spectra, or (decode only) latents. */
  readonly input: BufferId;
  /** Filled before the first step; training only. */
  readonly target?: BufferId;
  /** Readable after the last step; absent from a training plan and the decode half. */
  readonly latent?: BufferId;
  /** Readable after the last step; absent from the encode half. */
  readonly output?: BufferId;
}

/** Forward in training mode, MSE, backward, Adam, for mini-batches of up to `batch` samples. */
export function planTraining(network: Network, batch: number): Plan {
  const layout = layoutParameters(network);
  const writer = new Writer();
  const input = writer.buffer("x", sizeOf(network.inputShape));
  const target = writer.buffer("target", sizeOf(network.outputShape));
  const encoder = forwardHalf(writer, networkUnits(network.encoder, layout), input);
  const decoder = forwardHalf(writer, networkUnits(network.decoder, layout), encoder.at(-1)!.output);
  const output = decoder.at(-1)!.output;
  const features = sizeOf(network.outputShape);
  const grad = writer.buffer("grad.y", features);
  writer.push({ kind: "loss", label: "loss", features, output, target, gradOutput: grad });
  const gradLatent = backwardHalf(writer, decoder, grad, writer.buffer("grad.latent", network.options.latent));
  backwardHalf(writer, encoder, gradLatent!);
  writer.push({ kind: "update", label: "adam" });
  return finish(writer, { network, batch, layout, input, target, output });
}

/** Evaluation mode for up to `batch` samples: the whole network, or one half of it. */
export function planInference(network: Network, batch: number, part: "all" | "encode" | "decode" = "all"): Plan {
  const layout = layoutParameters(network);
  const writer = new Writer();
  const { latent: latentSize } = network.options;
  const input = part === "decode"
    ? writer.buffer("latent", latentSize)
    : writer.buffer("x", sizeOf(network.inputShape));
  const run = (layers: Network["encoder"], from: BufferId) =>
    networkUnits(layers, layout).reduce<{ output: BufferId; total?: BufferId }>(
      (last, unit) => isAdded(unit) ? addDense(writer, unit, from, last) : forwardInference(writer, unit, last),
      { output: from },
    ).output;
  const latent = part === "decode" ? undefined : run(network.encoder, input);
  const output = part === "encode" ? undefined : run(network.decoder, latent ?? input);
  return finish(writer, { network, batch, layout, input, latent, output });
}

function finish(writer: Writer, plan: Omit<Plan, "steps" | "buffers" | "slotSizes">): Plan {
  const kept = [plan.latent, plan.output].filter((id) => id !== undefined);
  const given = [plan.input, plan.target].filter((id) => id !== undefined);
  const { buffers, slotSizes } = assignSlots(writer.buffers, writer.steps, { given, kept, batch: plan.batch });
  return { ...plan, steps: writer.steps, buffers, slotSizes };
}

/** Collects steps and numbers buffers. */
class Writer {
  readonly steps: Step[] = [];
  readonly buffers: NamedSize[] = [];

  buffer(name: string, floatsPerSample: number, floatsFixed = 0): BufferId {
    return this.buffers.push({ name, floatsPerSample, floatsFixed }) - 1;
  }

  push(step: Step): void {
    this.steps.push(step);
  }
}

/** What a unit left behind on the way forward, for the way back. */
interface Forwarded {
  readonly unit: Unit;
  readonly input: BufferId;
  readonly output: BufferId;
  readonly activation?: BufferId;
  readonly moments?: BufferId;
  readonly total?: BufferId;
}

type DenseUnit = Extract<Unit, { kind: "dense" }>;

function isAdded(unit: Unit): unit is DenseUnit {
  return unit.kind === "dense" && unit.added === true;
}

/** The linear path of a half that reads `from`: adds to the output of the unit before. */
function addDense<T extends { output: BufferId }>(writer: Writer, unit: DenseUnit, from: BufferId, last: T): T {
  writer.push({ ...unit, order: denseOrder(unit.featuresIn, unit.featuresOut), input: from, output: last.output });
  return last;
}

function forwardHalf(writer: Writer, units: readonly Unit[], input: BufferId): Forwarded[] {
  const records: Forwarded[] = [];
  for (const unit of units) {
    const last = records.at(-1);
    records.push(
      isAdded(unit)
        ? { unit, input, output: addDense(writer, unit, input, last!).output }
        : forwardTraining(writer, unit, last?.output ?? input, last),
    );
  }
  return records;
}

/** The steps back through one half; the gradient of its input goes to `gradInput`, where that is wanted. */
function backwardHalf(
  writer: Writer,
  records: readonly Forwarded[],
  gradOutput: BufferId,
  gradInput?: BufferId,
): BufferId | undefined {
  let grad = gradOutput;
  let gradTotal: BufferId | undefined;
  let added = false;
  for (const record of records.toReversed()) {
    const { unit, input } = record;
    if (isAdded(unit)) {
      const order = denseOrder(unit.featuresIn, unit.featuresOut);
      writer.push({ ...unit, kind: "denseGradient", added: false, order, input, gradOutput, gradInput });
      added = gradInput !== undefined;
      continue;
    }
    const pyramid = unit.kind === "stage" ? unit.pyramid : undefined;
    if (pyramid === "last") gradTotal = grad;
    const to = record === records[0] ? { buffer: gradInput, added } : undefined;
    const next = backward(writer, record, pyramid === "last" ? undefined : grad, pyramid && gradTotal, to);
    if (next !== undefined) grad = next;
  }
  return gradInput;
}

function forwardTraining(writer: Writer, unit: Unit, input: BufferId, last: Forwarded | undefined): Forwarded {
  if (unit.kind !== "stage") return { unit, input, output: forwardPlain(writer, unit, input) };
  const { label, conv, weight, bias } = unit;
  const norm = normStep(unit);
  const size = norm.positions * norm.channels;
  const activation = writer.buffer(`${label}.leaky`, size);
  const moments = writer.buffer(`${label}.moments`, 0, 2 * norm.channels);
  const total = totalOf(writer, unit, last?.total);
  const y = unit.pyramid === "last" ? undefined : writer.buffer(`${label}.norm`, size);
  writer.push({ kind: "stage", ...norm, conv, weight, bias, input, activation, moments });
  writer.push({ kind: "normalise", ...norm, activation, moments, output: y, total });
  return { unit, input, output: y ?? total!.buffer, activation, moments, total: total?.buffer };
}

function forwardInference(
  writer: Writer,
  unit: Unit,
  last: { output: BufferId; total?: BufferId },
): { output: BufferId; total?: BufferId } {
  if (unit.kind !== "stage") return { output: forwardPlain(writer, unit, last.output) };
  const { label, conv, weight, bias } = unit;
  const norm = normStep(unit);
  const total = totalOf(writer, unit, last.total);
  const y = unit.pyramid === "last" ? undefined : writer.buffer(`${label}.norm`, norm.positions * norm.channels);
  writer.push({ kind: "evalStage", ...norm, conv, weight, bias, input: last.output, output: y, total });
  return { output: y ?? total!.buffer, total: total?.buffer };
}

function normStep(unit: Extract<Unit, { kind: "stage" }>) {
  const { label, conv, slope, norm } = unit;
  return { label, positions: conv.rows * conv.cols, channels: conv.channelsOut, slope, norm };
}

function totalOf(writer: Writer, unit: Unit, last: BufferId | undefined): TotalRef | undefined {
  if (unit.kind !== "stage" || unit.pyramid === undefined) return undefined;
  const { rows, cols, channelsOut } = unit.conv;
  if (unit.pyramid !== "first") return { buffer: last!, first: false };
  return { buffer: writer.buffer(`${unit.label}.total`, rows * cols * channelsOut), first: true };
}

function forwardPlain(writer: Writer, unit: Exclude<Unit, { kind: "stage" }>, input: BufferId): BufferId {
  if (unit.kind === "upsample") {
    const output = writer.buffer(unit.label, 4 * unit.rows * unit.cols * unit.channels);
    writer.push({ ...unit, input, output });
    return output;
  }
  if (unit.kind === "conv") {
    const output = writer.buffer(unit.label, unit.conv.rows * unit.conv.cols * unit.conv.channelsOut);
    writer.push({ ...unit, input, output });
    return output;
  }
  const output = writer.buffer(unit.label, unit.featuresOut);
  writer.push({ ...unit, order: denseOrder(unit.featuresIn, unit.featuresOut), input, output });
  return output;
}

/** The steps back through one unit; returns the gradient of its input. `first`: where a half's first unit puts it, if anywhere. */
function backward(
  writer: Writer,
  record: Forwarded,
  gradOutput: BufferId | undefined,
  gradTotal: BufferId | undefined,
  first: { buffer: BufferId | undefined; added: boolean } | undefined,
): BufferId | undefined {
  const { unit, input } = record;
  const gradOf = (floats: number) => first ? first.buffer : writer.buffer(`grad.${unit.label}.input`, floats);
  if (unit.kind === "upsample") {
    const gradInput = writer.buffer(`grad.${unit.label}.input`, unit.rows * unit.cols * unit.channels);
    writer.push({ ...unit, kind: "upsampleGradient", gradOutput: gradOutput!, gradInput });
    return gradInput;
  }
  if (unit.kind === "dense") {
    const gradInput = gradOf(unit.featuresIn);
    const order = denseOrder(unit.featuresIn, unit.featuresOut);
    const added = first?.added === true;
    writer.push({ ...unit, kind: "denseGradient", added, order, input, gradOutput: gradOutput!, gradInput });
    return gradInput;
  }
  const gradConv = unit.kind === "conv" ? gradOutput! : backThroughNorm(writer, record, gradOutput, gradTotal);
  const { label, conv, weight, bias } = unit;
  writer.push({ kind: "convWeightGradient", label, conv, weight, bias, input, gradConv });
  const gradInput = gradOf(conv.rows * conv.cols * conv.channelsIn);
  if (gradInput !== undefined) {
    writer.push({ kind: "convInputGradient", label, conv, weight, bias, gradConv, gradInput });
  }
  return gradInput;
}

function backThroughNorm(
  writer: Writer,
  record: Forwarded,
  gradOutput: BufferId | undefined,
  gradTotal: BufferId | undefined,
): BufferId {
  const norm = normStep(record.unit as Extract<Unit, { kind: "stage" }>);
  const shared = { ...norm, activation: record.activation!, moments: record.moments!, gradOutput, gradTotal };
  const gradConv = writer.buffer(`grad.${norm.label}`, norm.positions * norm.channels);
  writer.push({ kind: "normaliseSums", ...shared });
  writer.push({ kind: "normaliseGradient", ...shared, gradConv });
  return gradConv;
}
