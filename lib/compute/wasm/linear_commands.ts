import { sizeOf } from "../../base/nd_array.ts";
import type { Command } from "./kernel_ops.ts";
import type { LinearPath, WasmModel } from "./wasm_model.ts";

/** Which half's linear layer: x -> latent, or latent -> y. */
type Half = keyof LinearPath;

/** Elements of a row whose weight gradients are one job. */
const ROW_PIECE = 64;

function layerOf(model: WasmModel, half: Half) {
  const { weight, bias } = model.linear![half];
  const { inputShape, outputShape, options } = model.network;
  return {
    weight: weight.spec.name,
    bias: bias.spec.name,
    length: sizeOf(half === "encoder" ? inputShape : outputShape),
    latents: options.latent,
  };
}

/** x -> latent of the encoder's (with bias), or the gradient of y -> that of latent of the decoder's. */
export function linearDot(
  model: WasmModel,
  half: Half,
  { samples, row, latent }: { samples: number; row: number; latent: number },
): Command {
  const { weight, bias, length, latents } = layerOf(model, half);
  const address = half === "encoder" ? model.weight(bias) : 0;
  return { op: "linearDot", jobs: samples, args: [row, length, model.weight(weight), latents, address, latent, 0] };
}

/** latent -> y; `added`: to what is there. */
export function linearOuter(
  model: WasmModel,
  { samples, latent, row, added }: { samples: number; latent: number; row: number; added: boolean },
): Command {
  const { weight, bias, length, latents } = layerOf(model, "decoder");
  const args = [latent, latents, model.weight(weight), length, model.weight(bias), row, added ? 1 : 0];
  return { op: "linearOuter", jobs: samples, args };
}

/** Gradient of a half's weight and, for the decoder, of its bias; the encoder's bias has that of `enc_fc`. */
export function linearWeight(
  model: WasmModel,
  half: Half,
  { samples, latent, row }: { samples: number; latent: number; row: number },
): Command {
  const { weight, bias, length, latents } = layerOf(model, half);
  const biasGradient = half === "decoder" ? model.gradient(bias) : 0;
  const args = [latent, samples, latents, row, length, model.gradient(weight), biasGradient];
  return { op: "linearWeight", jobs: Math.ceil(length / ROW_PIECE), args };
}
