import type { Engine } from "../../compute/engine.ts";
import { IDENTITY } from "../../cube/scale.ts";
import { buildNetwork } from "../../../models/build_network.ts";
import { unprocessable } from "../../base/errors.ts";
import type { Axis } from "../../schemas/cube.ts";
import type { NetworkOptions, Scaler } from "../../schemas/model.ts";
import type { TrainedModel } from "./artifact.ts";
import { checkScaler } from "./check_scaler.ts";
import { makeCheck } from "./model_check.ts";
import { stateFromSafetensors } from "./state_from_safetensors.ts";

export interface ImportInput {
  network: NetworkOptions;
  axis?: Axis;
  /** Default: values are taken as they are. */
  scaler?: Scaler;
  /** Safetensors under PyTorch's names. */
  weights: Uint8Array;
  engine: Engine;
}

/**
 * A model from an imported checkpoint; its check is computed here, so that it stays what it was when it came.
 * Throws what `buildNetwork` and `stateFromSafetensors` throw, `axis_mismatch` and `scaler_mismatch`.
 */
export async function importCheckpoint(input: ImportInput): Promise<TrainedModel> {
  const { network: options, axis, scaler = { input: IDENTITY, output: IDENTITY }, engine } = input;
  if (axis && axis.values.length !== options.points) {
    throw unprocessable(
      "axis_mismatch",
      `The axis has ${axis.values.length} values, the network ${options.points} points`,
    );
  }
  checkScaler(scaler, options);
  const network = buildNetwork(options);
  const state = stateFromSafetensors(input.weights, network);
  const session = await engine.open(network, state);
  try {
    const size = network.inputShape.reduce((a, b) => a * b, 1);
    // Any fixed input serves; a wave has structure on every scale that the network sees.
    const wave = Float32Array.from({ length: size }, (_, i) => Math.sin(1.7 * i) + 0.3 * Math.cos(0.31 * i));
    const check = await makeCheck(session, scaler, wave);
    return { manifest: { network: options, axis, scaler }, state, members: [], check };
  } finally {
    await session.close();
  }
}
