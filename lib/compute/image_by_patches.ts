import type { Network } from "../../models/network.ts";
import type { ImagePrediction, Prediction, Session } from "./engine.ts";
import { gatherPatches, imagePositions } from "./session_input.ts";

/** Patches that are cut from the image at a time, so that memory does not grow with it. */
const CHUNK = 4096;

/** `Session.predictImage` patch by patch, for engines and windows that share nothing between patches. */
export async function imageByPatches(
  session: Pick<Session, "encode" | "predict"> & { network: Network },
  image_HW: Float32Array,
  extent: { rows: number; cols: number },
  want: "latent" | "all",
): Promise<ImagePrediction> {
  const { network } = session;
  const { window, latent, points } = network.options;
  const positions = imagePositions(network, image_HW, extent);
  const count = positions.rows * positions.cols;
  const latent_HWL = new Float32Array(count * latent);
  const output_HWS = new Float32Array(want === "all" ? count * points : 0);
  for (let from = 0; from < count; from += CHUNK) {
    const part = { cols: extent.cols, window, gridCols: positions.cols, from, count: Math.min(CHUNK, count - from) };
    const patches_NHW = gatherPatches(image_HW, part);
    const made: Prediction = want === "all"
      ? await session.predict(patches_NHW)
      : { latent_NL: await session.encode(patches_NHW), output_NO: new Float32Array() };
    latent_HWL.set(made.latent_NL, from * latent);
    output_HWS.set(made.output_NO, from * points);
  }
  return { ...positions, latent_HWL, output_HWS };
}
