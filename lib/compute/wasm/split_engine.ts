import type { Network } from "../../../models/network.ts";
import type { Engine, NetworkState, Prediction, Session } from "../engine.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { openWasmEngine } from "./wasm_engine.ts";

type Request =
  | { kind: "open"; session: number; network: Network; state: NetworkState }
  | { kind: "predict"; session: number; input_NI: Float32Array }
  | { kind: "close"; session: number };
export type InferenceRequest = Request & { id: number };
export type InferenceResponse = { id: number; arrays: Float32Array[] } | { id: number; error: string };

/**
 * A wasm engine for a thread that must stay responsive: it predicts single samples itself, without the way to another
 * thread and back, and leaves batches to a second thread, so that they take no time of the caller's.
 */
export async function openSplitEngine(): Promise<Engine> {
  const [here, there] = await Promise.all([openWasmEngine({ threads: 1 }), InferenceThread.start()]);
  return {
    name: here.name,
    device: here.device,
    threads: 2,
    async open(network, state) {
      const [session, remote] = await Promise.all([here.open(network, state), there.open(network, state)]);
      return splitSession(session, remote);
    },
    async close() {
      there.close();
      await here.close();
    },
  };
}

function splitSession(here: Session, there: RemoteSession): Session {
  const size = sizeOf(here.network.inputShape);
  return {
    network: here.network,
    predict: (input_NI) => input_NI.length <= size ? here.predict(input_NI) : there.predict(input_NI),
    encode: (input_NI) => here.encode(input_NI),
    decode: (latent_NL) => here.decode(latent_NL),
    predictImage: (...image) => here.predictImage(...image),
    gradients: (...pairs) => here.gradients(...pairs),
    setTrainingSet: (...set) => here.setTrainingSet(...set),
    trainSteps: (batches) => here.trainSteps(batches),
    state: () => here.state(),
    async close() {
      await there.close();
      await here.close();
    },
  };
}

interface RemoteSession {
  predict(input_NI: Float32Array): Promise<Prediction>;
  close(): Promise<void>;
}

/** The other thread, by messages; what it works on fails with it. */
class InferenceThread {
  readonly #pending = new Map<number, PromiseWithResolvers<Float32Array[]>>();
  #failure?: Error;
  #ids = 0;
  #sessions = 0;

  private constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<InferenceResponse>) => {
      const waiting = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if ("error" in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.arrays);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(`The inference thread failed: ${event.message}`));
    };
  }

  static start(): InferenceThread {
    return new InferenceThread(new Worker(new URL("./inference_thread.ts", import.meta.url), { type: "module" }));
  }

  async open(network: Network, state: NetworkState): Promise<RemoteSession> {
    const session = this.#sessions++;
    await this.#ask({ kind: "open", session, network, state });
    return {
      predict: async (input_NI) => {
        const [latent_NL, output_NO] = await this.#ask({ kind: "predict", session, input_NI });
        return { latent_NL, output_NO };
      },
      close: async () => void await this.#ask({ kind: "close", session }),
    };
  }

  close(): void {
    this.#fail(new Error("The engine is closed"));
    this.worker.terminate();
  }

  #ask(request: Request): Promise<Float32Array[]> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#ids++;
    const waiting = Promise.withResolvers<Float32Array[]>();
    this.#pending.set(id, waiting);
    this.worker.postMessage({ ...request, id });
    return waiting.promise;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
