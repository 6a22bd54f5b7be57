import { NORM_EPS } from "../../compute/step.ts";
import type { NetworkState } from "../../compute/engine.ts";
import type { Layer, Network } from "../../../models/network.ts";
import type { Attribute, OnnxGraph } from "./onnx_graph.ts";

interface Member {
  network: Network;
  state: NetworkState;
  /** Before every name of this member. */
  prefix: string;
  /** The standardised input, N x input size. */
  input: string;
}

/** Appends one network, in evaluation mode; returns the names of its latents and its standardised output. */
export function addNetwork(graph: OnnxGraph, { network, state, prefix, input }: Member): { latent: string; y: string } {
  const name = (activation: string) => `${prefix}${activation}`;
  for (const { name: parameter } of network.parameters) {
    const { shape, data } = state.get(parameter)!;
    graph.floats(name(parameter), shape, data);
  }
  addReshape(graph, input, name("x"), network.inputShape);
  for (const layer of [...network.encoder, ...network.decoder]) addLayer(graph, layer, name);
  return { latent: name("latent"), y: name("y") };
}

function addLayer(graph: OnnxGraph, layer: Layer, name: (activation: string) => string): void {
  const inputs = layer.inputs.map(name), output = name(layer.output);
  const parameter = (part: string) => name(`${"name" in layer ? layer.name : ""}.${part}`);
  switch (layer.kind) {
    case "conv":
      graph.node("Conv", [inputs[0], parameter("weight"), parameter("bias")], output, convolution(layer));
      break;
    case "leakyRelu":
      graph.node("LeakyRelu", inputs, output, { alpha: { float: layer.slope } });
      break;
    case "batchNorm": {
      const parts = ["weight", "bias", "running_mean", "running_var"].map(parameter);
      graph.node("BatchNormalization", [inputs[0], ...parts], output, { epsilon: { float: NORM_EPS } });
      break;
    }
    case "dense":
      graph.node("Gemm", [inputs[0], parameter("weight"), parameter("bias")], output, { transB: { int: 1 } });
      break;
    case "reshape":
      addReshape(graph, inputs[0], output, layer.outputShape);
      break;
    case "upsample": {
      const dimensions = layer.outputShape.length - 1;
      const scales = graph.floats(
        `${output}.scales`,
        [dimensions + 2],
        Float32Array.of(1, 1, ...Array(dimensions).fill(2)),
      );
      graph.node("Resize", [inputs[0], "", scales], output, NEAREST);
      break;
    }
    case "sum":
      graph.node("Sum", inputs, output);
      break;
  }
}

/** Every value twice in each direction. */
const NEAREST: Record<string, Attribute> = {
  mode: { text: "nearest" },
  coordinate_transformation_mode: { text: "asymmetric" },
  nearest_mode: { text: "floor" },
};

function convolution({ dimensions, kernel, dilation }: Layer & { kind: "conv" }): Record<string, Attribute> {
  const each = (value: number, sides = 1) => ({ ints: Array<number>(dimensions * sides).fill(value) });
  const pad = kernel === 1 ? 0 : dilation;
  return { kernel_shape: each(kernel), dilations: each(dilation), strides: each(1), pads: each(pad, 2) };
}

/** To N samples of this shape. */
export function addReshape(graph: OnnxGraph, from: string, to: string, shape: readonly number[]): string {
  return graph.node("Reshape", [from, graph.integers(`${to}.shape`, [-1, ...shape])], to);
}
