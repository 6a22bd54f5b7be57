import { joinHalves } from "./join_halves.ts";
import { LayerBuilder } from "./layer_builder.ts";
import type { Network, NetworkOptions } from "./network.ts";

/** Spectrum [1, points] -> latent [latent] -> image patch [1, window, window]; the window is a multiple of 4. */
export function spec2im(options: NetworkOptions): Network {
  const { window, points, latent, filters } = options;
  const inputShape = [1, points];
  const outputShape = [1, window, window];
  const quarter = window / 4;
  const encoder = new LayerBuilder("x", inputShape)
    .block("enc_conv", filters, 4)
    .reshape("enc_flat", [filters * points])
    .dense("enc_fc", latent, "latent");
  const decoder = new LayerBuilder("latent", [latent])
    .dense("dec_fc", filters * quarter * quarter)
    .reshape("dec_grid", [filters, quarter, quarter])
    .block("dec_conv_1", filters, 1)
    .upsample("dec_up_1")
    .block("dec_conv_2", filters, 1)
    .upsample("dec_up_2")
    .pyramid("dec_atrous")
    .block("dec_conv_3", 1, 1)
    .pointwise("dec_out", "y");
  return joinHalves(options, { inputShape, outputShape, encoder, decoder });
}
