import { sizeOf } from "../base/nd_array.ts";
import type { EvaluationSet, Session } from "../compute/engine.ts";
import type { Pause } from "./pause.ts";

const CHUNK = 256;

/** Evaluation-mode outputs and latents of many samples, a few hundred at a time so that other work gets in between. */
export async function predictAll(
  session: Session,
  input_NI: Float32Array,
  inputSize: number,
  pause: Pause,
): Promise<{ latent_NL: Float32Array; output_NO: Float32Array }> {
  const count = input_NI.length / inputSize;
  const { network } = session;
  const outputSize = sizeOf(network.outputShape);
  const latent_NL = new Float32Array(count * network.options.latent);
  const output_NO = new Float32Array(count * outputSize);
  for (let n = 0; n < count; n += CHUNK) {
    const part = await session.predict(input_NI.subarray(n * inputSize, Math.min(count, n + CHUNK) * inputSize));
    latent_NL.set(part.latent_NL, n * network.options.latent);
    output_NO.set(part.output_NO, n * outputSize);
    await pause();
  }
  return { latent_NL, output_NO };
}

/** Mean squared error of standardised outputs, each element counting by its weight (1 without weights). */
export async function sessionLoss(
  session: Session,
  { input_NI, target_NO, weight_NO }: EvaluationSet,
  pause: Pause,
): Promise<number> {
  const { output_NO } = await predictAll(session, input_NI, sizeOf(session.network.inputShape), pause);
  let [sum, total] = [0, 0];
  for (let i = 0; i < output_NO.length; i++) {
    const weight = weight_NO ? weight_NO[i] : 1;
    sum += weight * (output_NO[i] - target_NO[i]) ** 2;
    total += weight;
  }
  return sum / total;
}
