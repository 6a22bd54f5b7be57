import type { Layer, Network } from "../../models/network.ts";
import type { ParameterLayout, ParameterSlot } from "./parameter_layout.ts";

/** A "same" convolution over channels-last data; 1-D is one row with a kernel of one row. */
export interface ConvGeometry {
  readonly rows: number;
  readonly cols: number;
  readonly channelsIn: number;
  readonly channelsOut: number;
  readonly kernelRows: 1 | 3;
  readonly kernelCols: 1 | 3;
  readonly dilation: number;
}

export interface NormSlots {
  readonly gamma: ParameterSlot;
  readonly beta: ParameterSlot;
  readonly runningMean: ParameterSlot;
  readonly runningVar: ParameterSlot;
}

interface Affine {
  readonly label: string;
  readonly weight: ParameterSlot;
  readonly bias: ParameterSlot;
}

/**
 * What a network is made of once layers that belong together are one: a chain, each unit reads the one before.
 * A stage is conv -> leaky ReLU -> batch norm. In a pyramid all three activations of each stage also go into a total,
 * and the total is what the last stage hands on. A linear path is one dense unit, the last of its half.
 */
export type Unit =
  | Affine & {
    readonly kind: "stage";
    readonly conv: ConvGeometry;
    readonly slope: number;
    readonly norm: NormSlots;
    readonly pyramid?: "first" | "inside" | "last";
  }
  | Affine & { readonly kind: "conv"; readonly conv: ConvGeometry }
  /** `added`: reads what the first unit of its half reads, and its output is added to that of the unit before. */
  | Affine & {
    readonly kind: "dense";
    readonly featuresIn: number;
    readonly featuresOut: number;
    readonly added?: true;
  }
  /** Nearest neighbour, twice each; `rows` and `cols` of the input. */
  | {
    readonly kind: "upsample";
    readonly label: string;
    readonly rows: number;
    readonly cols: number;
    readonly channels: number;
  };

/** The units of one half of a network. Throws Error on an arrangement of layers that no unit covers. */
export function networkUnits(layers: Network["encoder"], layout: ParameterLayout): Unit[] {
  const units: Unit[] = [];
  const rest = [...layers];
  while (rest.length > 0) {
    const layer = rest.shift()!;
    if (layer.kind === "conv" && rest[0]?.kind === "leakyRelu" && rest[1]?.kind === "batchNorm") {
      const [leaky, norm] = rest.splice(0, 2) as [LeakyLayer, NormLayer];
      units.push(stageUnit(layer, leaky, norm, layout));
    } else if (layer.kind === "conv") {
      units.push({ kind: "conv", conv: convGeometry(layer), ...affine(layer.name, layout) });
    } else if (layer.kind === "dense") {
      const { featuresIn, featuresOut } = layer;
      units.push({ kind: "dense", featuresIn, featuresOut, ...affine(layer.name, layout) });
    } else if (layer.kind === "upsample") units.push(upsampleUnit(layer));
    else if (layer.kind === "sum" && units.at(-1)?.kind === "dense") markAdded(units, layer, rest);
    else if (layer.kind === "sum") markPyramid(units, layer, layers);
    else if (layer.kind !== "reshape") throw new Error(`No unit covers ${layer.kind} at ${layer.output}`);
  }
  return units;
}

type ConvLayer = Extract<Layer, { kind: "conv" }>;
type LeakyLayer = Extract<Layer, { kind: "leakyRelu" }>;
type NormLayer = Extract<Layer, { kind: "batchNorm" }>;

function stageUnit(conv: ConvLayer, leaky: LeakyLayer, norm: NormLayer, layout: ParameterLayout): Unit {
  const slot = (name: string) => layout.slots.get(`${norm.name}.${name}`)!;
  return {
    kind: "stage",
    conv: convGeometry(conv),
    slope: leaky.slope,
    norm: {
      gamma: slot("weight"),
      beta: slot("bias"),
      runningMean: slot("running_mean"),
      runningVar: slot("running_var"),
    },
    ...affine(conv.name, layout),
  };
}

/** The sum of all activations of the stages before it: those stages become a pyramid. */
function markPyramid(units: Unit[], sum: Layer, layers: readonly Layer[]): void {
  const at = layers.indexOf(sum);
  const count = sum.inputs.length / 3;
  const summed = layers.slice(at - sum.inputs.length, at).map((layer) => layer.output);
  const stages = units.slice(-count);
  if (summed.join() !== sum.inputs.join() || count < 2 || stages.some((unit) => unit.kind !== "stage")) {
    throw new Error(`No unit covers the sum at ${sum.output}`);
  }
  stages.forEach((unit, i) => {
    const pyramid = i === 0 ? "first" : i === count - 1 ? "last" : "inside";
    units[units.length - count + i] = { ...unit, pyramid } as Unit;
  });
}

/** The sum of the chain's output and of a dense layer beside it, at the end of a half. */
function markAdded(units: Unit[], sum: Layer, rest: readonly Layer[]): void {
  if (sum.inputs.length !== 2 || rest.length > 0) throw new Error(`No unit covers the sum at ${sum.output}`);
  units[units.length - 1] = { ...units.at(-1)!, added: true } as Unit;
}

function convGeometry(layer: ConvLayer): ConvGeometry {
  const { channelsIn, channelsOut, dilation, kernel, dimensions, outputShape } = layer;
  const cols = outputShape.at(-1)!;
  const rows = dimensions === 2 ? outputShape[1] : 1;
  return {
    rows,
    cols,
    channelsIn,
    channelsOut,
    kernelRows: dimensions === 2 ? kernel : 1,
    kernelCols: kernel,
    dilation,
  };
}

function upsampleUnit(layer: Layer): Unit {
  const [channels, rows, cols] = layer.outputShape;
  return { kind: "upsample", label: layer.output, rows: rows / 2, cols: cols / 2, channels };
}

function affine(name: string, layout: ParameterLayout): Affine {
  return { label: name, weight: layout.slots.get(`${name}.weight`)!, bias: layout.slots.get(`${name}.bias`)! };
}
