import type { Layer, Network } from "../../models/network.ts";

export type NetworkPart = "all" | "encode" | "decode";

/** Multiplications and additions of one sample's forward pass, by direct convolutions and dense layers. */
export function forwardOperations({ encoder, decoder }: Network, part: NetworkPart = "all"): number {
  const layers = [...part === "decode" ? [] : encoder, ...part === "encode" ? [] : decoder];
  return layers.reduce((sum, layer) => sum + layerOperations(layer), 0);
}

function layerOperations(layer: Layer): number {
  if (layer.kind === "dense") return 2 * layer.featuresIn * layer.featuresOut;
  if (layer.kind !== "conv") return 0;
  const pixels = layer.outputShape.slice(1).reduce((a, b) => a * b, 1);
  return 2 * layer.channelsIn * layer.channelsOut * layer.kernel ** layer.dimensions * pixels;
}
