import { sizeOf } from "../base/nd_array.ts";
import type { LoopscopeError } from "../base/errors.ts";
import type { Network } from "../../models/network.ts";
import type {
  Engine,
  ImagePrediction,
  NetworkState,
  Prediction,
  Session,
  SessionOptions,
  SmallCalls,
} from "./engine.ts";
import type { NetworkPart } from "./operations.ts";

/**
 * A GPU with a CPU beside it: training and large predictions on the GPU, small predictions, and those that it has no
 * memory for, on the CPU. Sessions for inference may answer a small call before a large one that came first.
 */
export class PairedEngine implements Engine {
  readonly name;
  readonly device;
  readonly threads;

  constructor(
    private readonly gpu: Engine,
    readonly smallCalls: SmallCalls,
    private readonly log: (line: string) => void,
  ) {
    this.name = gpu.name;
    this.device = gpu.device;
    this.threads = gpu.threads;
  }

  async open(network: Network, state: NetworkState, options: Partial<SessionOptions> = {}): Promise<Session> {
    const onGpu = () => this.gpu.open(network, state, options);
    if (options.trainBatch) return await onGpu();
    return new PairedSession({
      onCpu: await this.smallCalls.engine.open(network, state, options),
      openOnGpu: onGpu,
      smallCalls: this.smallCalls,
      log: this.log,
    });
  }

  async close(): Promise<void> {
    await this.gpu.close();
    await this.smallCalls.engine.close();
  }
}

interface PairedSessionOptions {
  onCpu: Session;
  openOnGpu(): Promise<Session>;
  smallCalls: SmallCalls;
  log(line: string): void;
}

/** One network for inference on both engines; it is put on the GPU when the first call is large enough. */
class PairedSession implements Session {
  readonly network: Network;
  readonly #options: PairedSessionOptions;
  readonly #onCpu: Session;
  #onGpu?: Promise<Session>;
  #closed = false;

  constructor(options: PairedSessionOptions) {
    this.#options = options;
    this.#onCpu = options.onCpu;
    this.network = options.onCpu.network;
  }

  predict(input_NI: Float32Array): Promise<Prediction> {
    return this.#run("all", input_NI.length / sizeOf(this.network.inputShape), (session) => session.predict(input_NI));
  }

  encode(input_NI: Float32Array): Promise<Float32Array> {
    const count = input_NI.length / sizeOf(this.network.inputShape);
    return this.#run("encode", count, (session) => session.encode(input_NI));
  }

  decode(latent_NL: Float32Array): Promise<Float32Array> {
    const count = latent_NL.length / this.network.options.latent;
    return this.#run("decode", count, (session) => session.decode(latent_NL));
  }

  predictImage(image_HW: Float32Array, rows: number, cols: number, want?: "latent" | "all"): Promise<ImagePrediction> {
    const inside = this.network.options.window - 1;
    const count = (rows - inside) * (cols - inside);
    const part = want === "latent" ? "encode" : "all";
    return this.#run(part, count, (session) => session.predictImage(image_HW, rows, cols, want));
  }

  async #run<T>(part: NetworkPart, count: number, call: (session: Session) => Promise<T>): Promise<T> {
    const { smallCalls, log } = this.#options;
    const large = count >= smallCalls.crossoverSamples(this.network, part);
    if (!large || this.#closed) return await call(this.#onCpu);
    try {
      return await call(await this.#gpuSession());
    } catch (error) {
      if ((error as LoopscopeError).code !== "gpu_memory") throw error;
      log(`The CPU predicts what the GPU has no memory for: ${(error as Error).message}`);
      return await call(this.#onCpu);
    }
  }

  #gpuSession(): Promise<Session> {
    if (!this.#onGpu) {
      this.#onGpu = this.#options.openOnGpu();
      this.#onGpu.catch(() => this.#onGpu = undefined);
    }
    return this.#onGpu;
  }

  setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void> {
    return this.#onCpu.setTrainingSet(input_NI, target_NO);
  }

  trainSteps(batches: readonly Int32Array[]): Promise<Float64Array> {
    return this.#onCpu.trainSteps(batches);
  }

  gradients(input_NI: Float32Array, target_NO: Float32Array): ReturnType<Session["gradients"]> {
    return this.#onCpu.gradients(input_NI, target_NO);
  }

  state(): ReturnType<Session["state"]> {
    return this.#onCpu.state();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#onCpu.close();
    await (await this.#onGpu?.catch(() => undefined))?.close();
  }
}
