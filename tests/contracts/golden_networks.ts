import type { NetworkState, Tensor } from "../../lib/compute/engine.ts";
import { readSafetensors } from "../../lib/training/artifact/safetensors.ts";
import { buildNetwork } from "../../models/build_network.ts";
import type { Direction, Network } from "../../models/network.ts";

/**
 * How far PyTorch itself comes from these five-step figures on another machine, with another number of threads, in
 * float64, or with an input that is one unit in the last place off (seven runs, rounded up): Adam divides by the
 * gradient's size, so a weight whose gradient is near zero moves by up to the whole learning rate either way on rounding
 * alone, and four further steps multiply that. `parameters` relative to each tensor's largest entry, `loss` relative.
 */
const FIVE_STEP_SPREAD: Record<string, { parameters: number; loss: number }> = {
  im2spec_w12_s50_l3_f8: { parameters: 0, loss: 0 },
  im2spec_w16_s96_l10_f16: { parameters: 1e-4, loss: 0 },
  im2spec_w8_s64_l2_f64: { parameters: 6e-3, loss: 4e-5 },
  spec2im_w16_s50_l10_f16: { parameters: 1.1e-2, loss: 0 },
  spec2im_w8_s64_l2_f64: { parameters: 8e-2, loss: 1.5e-3 },
};
export const GOLDEN_NAMES = Object.keys(FIVE_STEP_SPREAD);

/** What PyTorch computes for one network (shared/golden/make_networks.py). */
export interface GoldenNetwork {
  network: Network;
  count: number;
  init: NetworkState;
  x: Float32Array;
  y: Float32Array;
  latent: Float32Array;
  out: Float32Array;
  trainOut: Float32Array;
  grad: NetworkState;
  step1: NetworkState;
  step5: NetworkState;
  loss: number;
  loss5: number;
  spread: { parameters: number; loss: number };
}

export function readGolden(shared: URL, name: string): GoldenNetwork {
  const { tensors, metadata } = readSafetensors(
    Deno.readFileSync(new URL(`golden/networks/${name}.safetensors`, shared)),
  );
  const data = (key: string) => tensors.get(key)!.data as Float32Array;
  const state = (prefix: string): NetworkState =>
    new Map(
      [...tensors].filter(([key]) => key.startsWith(`${prefix}.`))
        .map(([key, tensor]) => [key.slice(prefix.length + 1), tensor as Tensor]),
    );
  const network = buildNetwork({
    direction: metadata.kind as Direction,
    window: Number(metadata.window),
    points: Number(metadata.spectrum),
    latent: Number(metadata.latent),
    filters: Number(metadata.filters),
  });
  return {
    network,
    count: tensors.get("x")!.shape[0],
    init: state("init"),
    x: data("x"),
    y: data("y"),
    latent: data("latent"),
    out: data("out"),
    trainOut: data("train.out"),
    grad: state("grad"),
    step1: state("step1"),
    step5: state("step5"),
    loss: Number(metadata.loss),
    loss5: Number(metadata.loss5),
    spread: FIVE_STEP_SPREAD[name],
  };
}
