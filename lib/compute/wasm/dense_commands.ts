import type { Command } from "./kernel_ops.ts";
import type { WasmModel } from "./wasm_model.ts";

/** A value that a layer reads: samples x pixels x channels at `address`, times scale plus shift (two rows). */
export interface Source {
  readonly address: number;
  readonly affine: number;
}

/** Which dense layer's weight: the encoder's or the decoder's. */
type Side = "in" | "out";

function weightOf(model: WasmModel, side: Side): number {
  return model.weight((side === "in" ? model.denseIn : model.denseOut).weight.spec.name);
}

function floatsOf(model: WasmModel, side: Side): number {
  return model.densePixels(side) * model.channels;
}

/**
 * Long -> short: the encoder's layer forward, the gradient through the decoder's. `bias` 0: none. With a linear path,
 * which comes first, the result is added to its own.
 */
export function denseDot(
  model: WasmModel,
  side: Side,
  options: { samples: number; source: Source; bias: number; output: number },
): Command {
  const { samples, source, bias, output } = options;
  const { channels, network } = model;
  const affine = [source.affine, source.affine + 4 * channels];
  const weight = weightOf(model, side), { latent } = network.options;
  const added = model.linear ? 1 : 0;
  const args = [source.address, floatsOf(model, side), channels, ...affine, weight, latent, bias, output, added];
  return { op: "denseDot", jobs: samples, args };
}

/** Short -> long: the decoder's layer forward, the gradient through the encoder's (then with sums for its norm). */
export function denseOuter(
  model: WasmModel,
  side: Side,
  options: { samples: number; latent: number; bias: number; output: number; activation?: number; sums?: number },
): Command {
  const { samples, latent, bias, output, activation = 0, sums = 0 } = options;
  const { channels, network } = model;
  const floats = floatsOf(model, side), weight = weightOf(model, side);
  const args = [latent, network.options.latent, weight, bias, output, floats, channels, activation, sums];
  return { op: "denseOuter", jobs: samples, args };
}

/** Gradient of the weight and, unless `biasGradient` is 0, of a bias as long as the long side. */
export function denseWeight(
  model: WasmModel,
  side: Side,
  options: { samples: number; latent: number; source: Source; biasGradient: number },
): Command {
  const { samples, latent, source, biasGradient } = options;
  const { channels, network } = model;
  const layer = side === "in" ? model.denseIn : model.denseOut;
  const long = [source.address, floatsOf(model, side), channels, source.affine, source.affine + 4 * channels];
  const gradients = [model.gradient(layer.weight.spec.name), biasGradient];
  const args = [latent, samples, network.options.latent, ...long, ...gradients];
  return { op: "denseWeight", jobs: model.densePixels(side), args };
}
