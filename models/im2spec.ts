import { joinHalves } from "./join_halves.ts";
import { LayerBuilder } from "./layer_builder.ts";
import type { Network, NetworkOptions } from "./network.ts";

/** Image patch [1, window, window] -> latent [latent] -> spectrum [1, points]. */
export function im2spec(options: NetworkOptions): Network {
  const { window, points, latent, filters } = options;
  const inputShape = [1, window, window];
  const outputShape = [1, points];
  const encoder = new LayerBuilder("x", inputShape)
    .block("enc_conv", filters, 3)
    .reshape("enc_flat", [filters * window * window])
    .dense("enc_fc", latent, "latent");
  const decoder = new LayerBuilder("latent", [latent])
    .dense("dec_fc", filters * points)
    .reshape("dec_grid", [filters, points])
    .pyramid("dec_atrous")
    .block("dec_conv", 1, 1)
    .pointwise("dec_out", "y");
  return joinHalves(options, { inputShape, outputShape, encoder, decoder });
}
