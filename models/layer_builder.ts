import { sizeOf } from "../lib/base/nd_array.ts";
import type { ActivationShape, Layer, ParameterSpec } from "./network.ts";

/** Slope of every leaky ReLU of both networks. */
const SLOPE = 0.1;

/** Appends layers to one half of a network; each reads the activation before it. Names are PyTorch's module paths. */
export class LayerBuilder {
  readonly layers: Layer[] = [];
  readonly parameters: ParameterSpec[] = [];
  /** Of the linear path beside the layers, where there is one. */
  readonly linearParameters: ParameterSpec[] = [];
  private readonly from: string;
  private readonly fromShape: ActivationShape;

  /** Starts at the activation `at` with `shape`, channels first. */
  constructor(private at: string, private shape: ActivationShape) {
    this.from = at;
    this.fromShape = shape;
  }

  /** `depth` times conv (kernel 3, "same") -> leaky ReLU -> batch norm. */
  block(name: string, channelsOut: number, depth: number): this {
    for (let i = 0; i < depth; i++) this.stage(`${name}.block`, i, channelsOut, 1);
    return this;
  }

  /** Four stages of dilation 1, 2, 3, 4; the output is the sum of all twelve activations inside. */
  pyramid(name: string): this {
    const first = this.layers.length;
    for (let i = 0; i < 4; i++) this.stage(`${name}.atrous_module`, i, this.shape[0], i + 1);
    const inputs = this.layers.slice(first).map((layer) => layer.output);
    this.layers.push({ kind: "sum", inputs, output: name, outputShape: this.shape });
    this.at = name;
    return this;
  }

  dense(name: string, featuresOut: number, output = name): this {
    const featuresIn = this.shape[0];
    this.push({ kind: "dense", name, featuresIn, featuresOut }, output, [featuresOut]);
    this.weightAndBias(name, [featuresOut, featuresIn], featuresIn);
    return this;
  }

  reshape(output: string, shape: ActivationShape): this {
    return this.push({ kind: "reshape" }, output, shape);
  }

  /** Nearest neighbour, twice the rows and columns. */
  upsample(output: string): this {
    const [channels, ...extent] = this.shape;
    return this.push({ kind: "upsample" }, output, [channels, ...extent.map((length) => 2 * length)]);
  }

  /** A convolution with kernel 1 to one channel. */
  pointwise(name: string, output: string): this {
    this.conv(name, { channelsOut: 1, kernel: 1, dilation: 1, output });
    return this;
  }

  /**
   * Adds a dense layer of the activation at which this half started to its last one, which keeps its name; the last
   * layer's own output becomes `NAME_conv`.
   */
  addLinear(name: string): void {
    const { at: output, shape } = this;
    const convolutions = `${output}_conv`, linear = `${output}_linear`;
    this.layers.push({ ...this.layers.pop()!, output: convolutions });
    const [featuresIn, featuresOut] = [sizeOf(this.fromShape), sizeOf(shape)];
    this.at = this.from;
    if (this.fromShape.length > 1) this.reshape(`${this.from}_flat`, [featuresIn]);
    this.push({ kind: "dense", name, featuresIn, featuresOut }, linear, [featuresOut]);
    const spec = (part: "weight" | "bias", extent: readonly number[]): ParameterSpec => {
      return { name: `${name}.${part}`, shape: extent, kind: part, fanIn: featuresIn };
    };
    this.linearParameters.push(spec("weight", [featuresOut, featuresIn]), spec("bias", [featuresOut]));
    if (shape.length > 1) this.reshape(`${linear}_grid`, shape);
    this.layers.push({ kind: "sum", inputs: [convolutions, this.at], output, outputShape: shape });
    this.at = output;
  }

  private stage(path: string, index: number, channels: number, dilation: number): void {
    const [conv, leaky, norm] = [3 * index, 3 * index + 1, 3 * index + 2].map((i) => `${path}.${i}`);
    this.conv(conv, { channelsOut: channels, kernel: 3, dilation, output: conv });
    this.push({ kind: "leakyRelu", slope: SLOPE }, leaky, this.shape);
    this.push({ kind: "batchNorm", name: norm, channels }, norm, this.shape);
    this.parameter(`${norm}.weight`, [channels], "gamma");
    this.parameter(`${norm}.bias`, [channels], "beta");
    this.parameter(`${norm}.running_mean`, [channels], "runningMean");
    this.parameter(`${norm}.running_var`, [channels], "runningVar");
  }

  private conv(
    name: string,
    options: { channelsOut: number; kernel: 1 | 3; dilation: number; output: string },
  ): void {
    const { channelsOut, kernel, dilation, output } = options;
    const [channelsIn, ...extent] = this.shape;
    const dimensions = extent.length as 1 | 2;
    const shape = { name, dimensions, channelsIn, channelsOut, kernel, dilation };
    this.push({ kind: "conv", ...shape }, output, [channelsOut, ...extent]);
    const window = extent.map(() => kernel);
    this.weightAndBias(name, [channelsOut, channelsIn, ...window], channelsIn * kernel ** dimensions);
  }

  private push(
    layer: DistributiveOmit<Layer, "inputs" | "output" | "outputShape">,
    output: string,
    shape: ActivationShape,
  ) {
    this.layers.push({ ...layer, inputs: [this.at], output, outputShape: shape });
    this.at = output;
    this.shape = shape;
    return this;
  }

  private weightAndBias(name: string, shape: readonly number[], fanIn: number): void {
    this.parameter(`${name}.weight`, shape, "weight", fanIn);
    this.parameter(`${name}.bias`, [shape[0]], "bias", fanIn);
  }

  private parameter(name: string, shape: readonly number[], kind: ParameterSpec["kind"], fanIn = 0): void {
    this.parameters.push({ name, shape, kind, fanIn });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
