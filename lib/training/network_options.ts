import type { TrainRequest } from "../schemas/job.ts";
import type { NetworkOptions } from "../schemas/model.ts";

/** The network that a request asks for on a cube of `points` spectral steps. */
export function networkOptionsOf(request: TrainRequest, points: number): NetworkOptions {
  const { recipe, direction, window, latent, filters } = request;
  return { ...(recipe === "robust" ? { recipe } : {}), direction, window, points, latent, filters };
}
