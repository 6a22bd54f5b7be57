import { unprocessable } from "../../base/errors.ts";
import type { Engine, NetworkState, Session } from "../../compute/engine.ts";
import { standardise, unstandardise } from "../../cube/scale.ts";
import type { Network } from "../../../models/network.ts";
import type { ModelCheck, ModelManifest, Scaler } from "../../schemas/model.ts";

/** Engines agree to 2e-4 of the largest entry in a training step; an evaluation is closer than this. */
const TOLERANCE = 1e-3;

/** One input (physical units) with the first member's latents and output: what `check.json` holds. */
export async function makeCheck(session: Session, scaler: Scaler, input: Float32Array): Promise<ModelCheck> {
  const { latent, output } = await compute(session, scaler, input);
  return { input: [...input], latent: [...latent], output: [...output], tolerance: TOLERANCE };
}

/** What of a loaded model its check needs. */
interface CheckedModel {
  manifest: ModelManifest;
  network: Network;
  state: NetworkState;
}

/** Throws `check_failed` where a model does not give its own check's answer, with the difference met. */
export async function verifyCheck(loaded: CheckedModel, check: ModelCheck, engine: Engine): Promise<void> {
  const session = await engine.open(loaded.network, loaded.state);
  try {
    const { latent, output } = await compute(session, loaded.manifest.scaler, Float32Array.from(check.input));
    compare(loaded, "latent", latent, check.latent, check.tolerance);
    compare(loaded, "output", output, check.output, check.tolerance);
  } finally {
    await session.close();
  }
}

async function compute(session: Session, scaler: Scaler, input: Float32Array) {
  const { latent_NL, output_NO } = await session.predict(standardise(input, scaler.input));
  return { latent: latent_NL, output: unstandardise(output_NO, scaler.output) };
}

function compare(
  { manifest }: CheckedModel,
  what: string,
  met: Float32Array,
  wanted: readonly number[],
  tolerance: number,
): void {
  const largest = wanted.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const worst = wanted.reduce((most, v, i) => {
    const difference = Math.abs(v - met[i]);
    return difference <= most ? most : difference; // NaN counts as worst
  }, 0);
  if (met.length === wanted.length && worst <= tolerance * Math.max(largest, 1e-30)) return;
  throw unprocessable(
    "check_failed",
    `Model ${manifest.name}@${manifest.version} does not give its check's ${what}: difference ${worst}; expected at most ` +
      `${tolerance} of ${largest}`,
  );
}
