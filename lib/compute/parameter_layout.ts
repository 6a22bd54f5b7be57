import { sizeOf } from "../base/nd_array.ts";
import type { Layer, Network, ParameterSpec } from "../../models/network.ts";
import type { NetworkState, Tensor } from "./engine.ts";

/** Slots start at multiples of 64 floats: 256 bytes, what WebGPU asks of a binding's offset. */
const ALIGN = 64;

/** Where a parameter lies in the flat vector that every engine keeps, and how its axes are turned on the way there. */
export interface ParameterSlot {
  readonly spec: ParameterSpec;
  /** In floats. */
  readonly offset: number;
  readonly size: number;
  /** PyTorch's shape, with flattened channels-first axes split: (L, C * H * W) is viewed as L, C, HW. */
  readonly view: readonly number[];
  /** The engine's axes as indices into `view`, slowest first. */
  readonly order: readonly number[];
}

/** One flat vector: first what is trained (gradients and moments have the same layout), then running statistics. */
export interface ParameterLayout {
  /** By name, in the order of a PyTorch state_dict. */
  readonly slots: ReadonlyMap<string, ParameterSlot>;
  /** Floats of the trained part; gaps of the alignment hold zeros and stay zero. */
  readonly trainedSize: number;
  readonly size: number;
}

/**
 * Lays out a network's parameters for channels-last engines:
 * conv weight -> (taps, channelsIn, channelsOut); dense weight -> the shorter of (out, in) first, the longer contiguous,
 * with flattened C, P turned to P, C; the bias of a dense layer that is reshaped to C, P likewise.
 */
export function layoutParameters(network: Network): ParameterLayout {
  const axes = parameterAxes(network);
  const isBuffer = (spec: ParameterSpec) => spec.kind === "runningMean" || spec.kind === "runningVar";
  const slots = new Map<string, ParameterSlot>();
  let offset = 0;
  const place = (spec: ParameterSpec) => {
    const { view, order } = axes.get(spec.name) ?? { view: spec.shape, order: spec.shape.map((_, axis) => axis) };
    const size = sizeOf(spec.shape);
    slots.set(spec.name, { spec, offset, size, view, order });
    offset += Math.ceil(size / ALIGN) * ALIGN;
  };
  network.parameters.filter((spec) => !isBuffer(spec)).forEach(place);
  const trainedSize = offset;
  network.parameters.filter(isBuffer).forEach(place);
  const inOrder = network.parameters.map(({ name }) => [name, slots.get(name)!] as const);
  return { slots: new Map(inOrder), trainedSize, size: offset };
}

/** PyTorch tensors -> one flat vector; names that the layout lacks or the state lacks are an Error (check at the border). */
export function packState(layout: ParameterLayout, state: NetworkState, only: "all" | "trained" = "all"): Float32Array {
  const flat = new Float32Array(only === "all" ? layout.size : layout.trainedSize);
  for (const { spec, offset, size, view, order } of layout.slots.values()) {
    if (offset >= flat.length) continue;
    const tensor = state.get(spec.name);
    if (tensor?.data.length !== size) throw new Error(`State lacks ${spec.name} [${spec.shape}]`);
    transpose(tensor.data, flat.subarray(offset, offset + size), view, order);
  }
  return flat;
}

/** One flat vector (whole, or only its trained part) -> PyTorch tensors, in the network's order. */
export function unpackState(layout: ParameterLayout, flat: Float32Array): NetworkState {
  const state = new Map<string, Tensor>();
  for (const { spec, offset, size, view, order } of layout.slots.values()) {
    if (offset >= flat.length) continue;
    const data = new Float32Array(size);
    const turned = order.map((axis) => view[axis]);
    transpose(flat.subarray(offset, offset + size), data, turned, view.map((_, axis) => order.indexOf(axis)));
    state.set(spec.name, { shape: spec.shape, data });
  }
  return state;
}

/** Copies row-major `source` of `shape` so that axis i of the result is axis `order[i]` of the source. */
function transpose(source: Float32Array, target: Float32Array, shape: readonly number[], order: readonly number[]) {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const extent = order.map((axis) => shape[axis]);
  const step = order.map((axis) => strides[axis]);
  let at = 0;
  const walk = (depth: number, from: number) => {
    if (depth === extent.length) target[at++] = source[from];
    else for (let i = 0; i < extent[depth]; i++) walk(depth + 1, from + i * step[depth]);
  };
  walk(0, 0);
}

interface Axes {
  view: readonly number[];
  order: readonly number[];
}

function parameterAxes(network: Network): Map<string, Axes> {
  const axes = new Map<string, Axes>();
  const layers = [...network.encoder, ...network.decoder];
  for (const layer of layers) {
    if (layer.kind === "conv") axes.set(`${layer.name}.weight`, convAxes(layer));
    if (layer.kind === "dense") {
      const before = layers.find((other) => other.kind === "reshape" && other.output === layer.inputs[0]);
      const flattened = layers.find((other) => other.output === before?.inputs[0])?.outputShape;
      const reshaped = layers.find((other) => other.kind === "reshape" && other.inputs[0] === layer.output);
      const out = splitFeatures(layer.featuresOut, reshaped?.outputShape);
      axes.set(`${layer.name}.bias`, { view: out, order: reversed(out) });
      axes.set(`${layer.name}.weight`, denseAxes(out, splitFeatures(layer.featuresIn, flattened)));
    }
  }
  return axes;
}

function convAxes(layer: Extract<Layer, { kind: "conv" }>): Axes {
  return { view: [layer.channelsOut, layer.channelsIn, layer.kernel ** layer.dimensions], order: [2, 1, 0] };
}

/** [C, P] where the features are a flattened activation, else [features]. */
function splitFeatures(features: number, shape: readonly number[] | undefined): number[] {
  return shape === undefined ? [features] : [shape[0], features / shape[0]];
}

function denseAxes(out: number[], inn: number[]): Axes {
  const outOrder = reversed(out);
  const inOrder = reversed(inn).map((axis) => axis + out.length);
  const view = [...out, ...inn];
  return {
    view,
    order: denseOrder(sizeOf(inn), sizeOf(out)) === "outIn" ? [...outOrder, ...inOrder] : [...inOrder, ...outOrder],
  };
}

/** Which of a dense weight's two axes comes first: the shorter one. */
export function denseOrder(featuresIn: number, featuresOut: number): "outIn" | "inOut" {
  return featuresOut <= featuresIn ? "outIn" : "inOut";
}

function reversed(axes: readonly number[]): number[] {
  return axes.map((_, axis) => axes.length - 1 - axis);
}
