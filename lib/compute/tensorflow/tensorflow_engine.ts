import { LoopscopeError } from "../../base/errors.ts";
import type { Engine } from "../engine.ts";
import { loadTensorflow, missingTensorflow } from "./load_tensorflow.ts";
import type { Tfjs } from "./run_step.ts";
import { TensorflowSession } from "./tensorflow_session.ts";

/**
 * Opens TensorFlow's native library, which is no part of the default install.
 * @throws unavailable `engine_unavailable` with the reason and how to install it
 */
export function openTensorflowEngine(): Engine {
  const reason = missingTensorflow();
  if (reason) throw unavailable(reason);
  let tf: Tfjs;
  try {
    tf = loadTensorflow();
  } catch (cause) {
    const problem = (cause as Error).message.split("\n")[0];
    throw unavailable(`its native library cannot be loaded (${problem})`, cause);
  }
  return tensorflowEngine(tf);
}

/** An engine on any tfjs with a backend, the native one or tfjs's own. */
export function tensorflowEngine(tf: Tfjs): Engine {
  return {
    name: "tensorflow",
    device: `tfjs ${tf.version_core}, backend ${tf.getBackend()}`,
    threads: 1,
    open: (network, state, options = {}) =>
      Promise.resolve().then(() => new TensorflowSession(tf, network, state, options)),
    close: () => Promise.resolve(),
  };
}

function unavailable(reason: string, cause?: unknown): LoopscopeError {
  const message = `Engine tensorflow is not available: ${reason}`;
  return new LoopscopeError("unavailable", "engine_unavailable", message, { cause });
}
