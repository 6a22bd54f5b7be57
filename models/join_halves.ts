import type { LayerBuilder } from "./layer_builder.ts";
import type { ActivationShape, Network, NetworkOptions } from "./network.ts";

interface Halves {
  inputShape: ActivationShape;
  outputShape: ActivationShape;
  encoder: LayerBuilder;
  decoder: LayerBuilder;
}

/**
 * The network of an encoder and a decoder. With recipe `robust` a linear path goes through the same bottleneck: latent =
 * linear(x) + convolutions(x), y = linear(latent) + convolutions(latent). Its parameters come last, so that a checkpoint
 * of the published network is the beginning of a robust one.
 */
export function joinHalves(options: NetworkOptions, { inputShape, outputShape, encoder, decoder }: Halves): Network {
  if (options.recipe === "robust") {
    encoder.addLinear("linear_enc");
    decoder.addLinear("linear_dec");
  }
  const halves = [encoder, decoder];
  return {
    options,
    inputShape,
    outputShape,
    encoder: encoder.layers,
    decoder: decoder.layers,
    parameters: [...halves.flatMap((half) => half.parameters), ...halves.flatMap((half) => half.linearParameters)],
  };
}
