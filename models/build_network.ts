import { unprocessable } from "../lib/base/errors.ts";
import { sizeOf } from "../lib/base/nd_array.ts";
import { im2spec } from "./im2spec.ts";
import type { Network, NetworkOptions } from "./network.ts";
import { spec2im } from "./spec2im.ts";

/** Adam keeps four numbers a parameter, so this is about 1 GiB while training. */
const MAX_PARAMETERS = 2 ** 26;

/**
 * The network of these options as data.
 * @throws unprocessable `network_options` (a size that is no positive whole number), `window_not_even` (im2spec),
 * `window_not_multiple_of_four` (spec2im), `network_too_large` (above 2^26 parameters)
 */
export function buildNetwork(options: NetworkOptions): Network {
  checkOptions(options);
  const network = options.direction === "im2spec" ? im2spec(options) : spec2im(options);
  const count = network.parameters.reduce((sum, parameter) => sum + sizeOf(parameter.shape), 0);
  if (count > MAX_PARAMETERS) {
    throw unprocessable("network_too_large", `Network has ${count} parameters; expected at most ${MAX_PARAMETERS}`);
  }
  return network;
}

function checkOptions(options: NetworkOptions): void {
  for (const key of ["window", "points", "latent", "filters"] as const) {
    if (!Number.isInteger(options[key]) || options[key] < 1) {
      throw unprocessable(
        "network_options",
        `Network option ${key} is ${options[key]}; expected a positive whole number`,
      );
    }
  }
  const { direction, window } = options;
  if (direction === "im2spec" && window % 2 !== 0) {
    throw unprocessable("window_not_even", `Window is ${window}; expected an even number for im2spec`);
  }
  if (direction === "spec2im" && window % 4 !== 0) {
    throw unprocessable("window_not_multiple_of_four", `Window is ${window}; expected a multiple of 4 for spec2im`);
  }
}
