import { sizeOf } from "../../base/nd_array.ts";
import type { Network, ParameterSpec } from "../../../models/network.ts";
import type { NetworkState } from "../engine.ts";

/** Channels are padded with zeros to a multiple of this, so that no kernel needs a remainder. */
export const CHANNEL_TILE = 8;
const ALIGN = 64;

export function paddedChannels(channels: number): number {
  return Math.ceil(channels / CHANNEL_TILE) * CHANNEL_TILE;
}

interface PaddedSlot {
  readonly spec: ParameterSpec;
  /** In floats. */
  readonly offset: number;
  /** PyTorch's shape with flattened channels-first axes split. */
  readonly view: readonly number[];
  /** Our axes as indices into `view`, slowest first. */
  readonly order: readonly number[];
  /** Our extents, in our order, with padding. */
  readonly padded: readonly number[];
}

/**
 * One flat vector of all parameters: first what is trained (gradients and moments have the same layout), then running
 * statistics. Conv weights are (taps, channels in, channels out), dense weights (latent, pixels, channels).
 */
export class PaddedParameters {
  readonly trainedSize: number;
  readonly size: number;
  private readonly slots = new Map<string, PaddedSlot>();

  constructor(readonly network: Network) {
    const axes = parameterAxes(network);
    const isBuffer = ({ kind }: ParameterSpec) => kind === "runningMean" || kind === "runningVar";
    let offset = 0;
    const place = (spec: ParameterSpec) => {
      const slot = { spec, offset, ...axes.get(spec.name)! };
      this.slots.set(spec.name, slot);
      offset += Math.ceil(sizeOf(slot.padded) / ALIGN) * ALIGN;
    };
    network.parameters.filter((spec) => !isBuffer(spec)).forEach(place);
    this.trainedSize = offset;
    network.parameters.filter(isBuffer).forEach(place);
    this.size = offset;
  }

  /** Where a parameter starts, in floats. */
  offset(name: string): number {
    return this.slots.get(name)!.offset;
  }

  /** PyTorch tensors -> `flat` (whole, or only its trained part), which must be zero where nothing is written. */
  pack(state: NetworkState, flat: Float32Array): void {
    for (const slot of this.slotsIn(flat)) {
      const { data } = state.get(slot.spec.name)!;
      forEachElement(slot, (ours, theirs) => flat[ours] = data[theirs]);
    }
  }

  /** `flat` (whole, or only its trained part) -> PyTorch tensors in the network's order. */
  unpack(flat: Float32Array): NetworkState {
    const state: NetworkState = new Map();
    for (const slot of this.slotsIn(flat)) {
      const data = new Float32Array(sizeOf(slot.spec.shape));
      forEachElement(slot, (ours, theirs) => data[theirs] = flat[ours]);
      state.set(slot.spec.name, { shape: slot.spec.shape, data });
    }
    return state;
  }

  private slotsIn(flat: Float32Array): PaddedSlot[] {
    return this.network.parameters.map(({ name }) => this.slots.get(name)!).filter(({ offset }) =>
      offset < flat.length
    );
  }
}

function forEachElement({ offset, view, order, padded }: PaddedSlot, visit: (ours: number, theirs: number) => void) {
  const strides = view.map((_, axis) => sizeOf(view.slice(axis + 1)));
  const steps = padded.map((_, axis) => sizeOf(padded.slice(axis + 1)));
  const walk = (depth: number, ours: number, theirs: number) => {
    if (depth === order.length) visit(ours, theirs);
    else {
      const extent = view[order[depth]], step = steps[depth], stride = strides[order[depth]];
      for (let i = 0; i < extent; i++) walk(depth + 1, ours + i * step, theirs + i * stride);
    }
  };
  walk(0, offset, 0);
}

type Axes = Pick<PaddedSlot, "view" | "order" | "padded">;

function parameterAxes(network: Network): Map<string, Axes> {
  const axes = new Map<string, Axes>();
  const layers = [...network.encoder, ...network.decoder];
  const hidden = paddedChannels(network.options.filters);
  let scalarInput = true;
  const lastConv = layers.findLast((layer) => layer.kind === "conv" && layer.kernel === 3);
  for (const layer of layers) {
    if (layer.kind === "conv") {
      const inn = scalarInput || layer.kernel === 1 ? 1 : hidden,
        out = layer === lastConv || layer.kernel === 1 ? 1 : hidden;
      scalarInput = false;
      const taps = layer.kernel ** layer.dimensions;
      const view = [layer.channelsOut, layer.channelsIn, taps];
      axes.set(`${layer.name}.weight`, { view, order: [2, 1, 0], padded: [taps, inn, out] });
      axes.set(`${layer.name}.bias`, vectorAxes(layer.channelsOut, out));
    } else if (layer.kind === "batchNorm") {
      const padded = layer.inputs[0] === layers[layers.indexOf(lastConv!) + 1].output ? 1 : hidden;
      for (const name of ["weight", "bias", "running_mean", "running_var"]) {
        axes.set(`${layer.name}.${name}`, vectorAxes(layer.channels, padded));
      }
    } else if (layer.kind === "dense") {
      denseAxes(layer, network, hidden).forEach((value, name) => axes.set(name, value));
    }
  }
  return axes;
}

function vectorAxes(length: number, padded: number): Axes {
  return { view: [length], order: [0], padded: [padded] };
}

/** The encoder's dense layer ends in the latent variables, the decoder's starts from them. */
function denseAxes(
  layer: DenseLayer,
  network: Network,
  hidden: number,
): Map<string, Axes> {
  const { latent, filters } = network.options;
  const { name } = layer;
  if (isLinearPath(layer, network)) return linearAxes(layer, network);
  if (network.encoder.includes(layer)) {
    const pixels = layer.featuresIn / filters;
    return new Map([
      [`${name}.weight`, { view: [latent, filters, pixels], order: [0, 2, 1], padded: [latent, pixels, hidden] }],
      [`${name}.bias`, vectorAxes(latent, latent)],
    ]);
  }
  const pixels = layer.featuresOut / filters;
  return new Map([
    [`${name}.weight`, { view: [filters, pixels, latent], order: [2, 1, 0], padded: [latent, pixels, hidden] }],
    [`${name}.bias`, { view: [filters, pixels], order: [1, 0], padded: [pixels, hidden] }],
  ]);
}

type DenseLayer = Extract<Network["encoder"][number], { kind: "dense" }>;

/** The last dense layer of a half that has two. */
function isLinearPath(layer: DenseLayer, { encoder, decoder }: Network): boolean {
  const dense = (encoder.includes(layer) ? encoder : decoder).filter(({ kind }) => kind === "dense");
  return dense.length > 1 && layer === dense.at(-1);
}

/** Unpadded; latent variables first. */
function linearAxes(layer: DenseLayer, { encoder }: Network): Map<string, Axes> {
  const { name, featuresIn, featuresOut } = layer;
  const order = encoder.includes(layer) ? [0, 1] : [1, 0];
  const view = [featuresOut, featuresIn];
  return new Map([
    [`${name}.weight`, { view, order, padded: order.map((axis) => view[axis]) }],
    [`${name}.bias`, vectorAxes(featuresOut, featuresOut)],
  ]);
}
