import { LoopscopeError, unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { Network } from "../../../models/network.ts";
import type { ImagePrediction, NetworkState, Prediction, Session, SessionOptions, TrainingState } from "../engine.ts";
import { checkBatches, countPairs, countSamples, gatherPatches, imagePositions } from "../session_input.ts";
import { noiseFactor, stepFactors } from "../optimiser.ts";
import { convolveScratch } from "./conv_commands.ts";
import { allocateInference, decoding, encoding, preparation } from "./inference_program.ts";
import type { InferenceBuffers } from "./inference_program.ts";
import { MapPredictor } from "./map_predictor.ts";
import { sharesBorders } from "./map_program.ts";
import { writeProgram } from "./program.ts";
import { Arena } from "./shared_heap.ts";
import type { ThreadPool } from "./thread_pool.ts";
import { allocateTraining, STEPS_PER_CALL } from "./training_buffers.ts";
import type { TrainingBuffers } from "./training_buffers.ts";
import { trainingProgram } from "./training_program.ts";
import { WasmModel } from "./wasm_model.ts";

/** Samples that go through the network together in evaluation, and the memory that bounds them. */
const INFERENCE_BATCH = 64;
const INFERENCE_BYTES = 2 ** 26;
/** Below this many samples the other threads cost more to wake than they save. */
const ALONE_BELOW = 2;

/** Patches copied out of an image at once, where they are predicted one by one. */
const PATCHES_AT_ONCE = 1024;
const PAUSE_AFTER_MS = 50;

type Part = "all" | "encode" | "decode";

/** A network on the CPU. Work is done on the calling thread (and the pool's) before the promise resolves. */
export class WasmSession implements Session {
  onClose: () => void = () => {};
  private readonly arena: Arena;
  private readonly programs: Arena;
  private readonly setArena: Arena;
  private readonly model: WasmModel;
  private readonly inference: InferenceBuffers;
  private readonly training?: TrainingBuffers;
  private readonly written = new Map<string, number>();
  private set?: { input: number; target: number; count: number };
  private step: number;
  /** Weights changed since evaluation's scales, shifts and filters were derived. */
  private stale = true;
  private closed = false;
  private tail: Promise<unknown> = Promise.resolve();
  private maps?: MapPredictor;
  private lastPause = 0;

  constructor(
    private readonly pool: ThreadPool,
    readonly network: Network,
    state: NetworkState,
    private readonly options: SessionOptions,
  ) {
    const { heap } = pool;
    this.arena = new Arena(heap);
    this.programs = new Arena(heap);
    this.setArena = new Arena(heap);
    this.step = options.resume?.step ?? 0;
    try {
      const training = options.trainBatch > 0;
      this.model = new WasmModel(network, this.arena, training);
      this.inference = allocateInference(this.model, this.arena, inferenceBatch(this.model));
      if (training) this.training = allocateTraining(this.model, this.arena, options.trainBatch);
      pool.reserveScratch(scratchBytes(this.model));
    } catch (error) {
      this.arena.release();
      throw error;
    }
    const { parameters } = this.model;
    parameters.pack(state, heap.floats(this.model.state, parameters.size));
    if (options.resume) {
      parameters.pack(options.resume.adamM, this.moments("adamM"));
      parameters.pack(options.resume.adamV, this.moments("adamV"));
    }
  }

  setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void> {
    return this.inOrder(() => {
      const count = countPairs(this.network, input_NI, target_NO);
      this.setArena.release();
      this.set = undefined;
      this.forgetPrograms();
      const input = this.setArena.floats(input_NI.length), target = this.setArena.floats(target_NO.length);
      this.write(input, input_NI);
      this.write(target, target_NO);
      this.set = { input, target, count };
    });
  }

  trainSteps(batches: readonly Int32Array[]): Promise<Float64Array> {
    return this.inOrder(() => {
      const training = this.wantTraining();
      if (!this.set) throw unprocessable("no_training_set", "There is no training set; expected setTrainingSet before");
      checkBatches(batches, this.set.count, this.options.trainBatch);
      const losses = new Float64Array(batches.length);
      for (let from = 0; from < batches.length;) {
        const samples = batches[from].length;
        let to = from + 1;
        while (to < batches.length && batches[to].length === samples && to - from < STEPS_PER_CALL) to++;
        losses.set(this.trainAlike(training, batches.slice(from, to)), from);
        from = to;
      }
      return losses;
    });
  }

  gradients(input_NI: Float32Array, target_NO: Float32Array) {
    return this.inOrder(() => {
      const training = this.wantTraining();
      const samples = countPairs(this.network, input_NI, target_NO);
      if (samples > training.samples) {
        throw unprocessable("batch_size", `Mini-batch has ${samples} samples; expected at most ${training.samples}`);
      }
      this.write(training.input, input_NI);
      this.write(training.target, target_NO);
      const options = { samples, update: false };
      this.pool.run(this.program(`gradients ${samples}`, () => trainingProgram(this.model, training, options)));
      this.stale = true;
      const { heap } = this.pool;
      const { parameters } = this.model;
      return {
        loss: heap.doubles(training.losses, 1)[0],
        output_NO: heap.floats(training.output, target_NO.length).slice(),
        gradients: parameters.unpack(heap.floats(this.model.gradients, parameters.trainedSize)),
      };
    });
  }

  predict(input_NI: Float32Array): Promise<Prediction> {
    return this.inOrder(() => this.infer("all", input_NI));
  }

  encode(input_NI: Float32Array): Promise<Float32Array> {
    return this.inOrder(() => this.infer("encode", input_NI).then(({ latent_NL }) => latent_NL));
  }

  decode(latent_NL: Float32Array): Promise<Float32Array> {
    return this.inOrder(() => this.decodeHere(latent_NL));
  }

  predictImage(
    image_HW: Float32Array,
    rows: number,
    cols: number,
    want: "latent" | "all" = "all",
  ): Promise<ImagePrediction> {
    return this.inOrder(() => {
      const positions = imagePositions(this.network, image_HW, { rows, cols });
      this.prepareInference();
      if (!sharesBorders(this.model)) return this.predictPatches(image_HW, cols, positions, want);
      this.maps ??= new MapPredictor(this.pool, this.model);
      const decode = want === "all" ? (latent_NL: Float32Array) => this.decodeHere(latent_NL) : undefined;
      return this.maps.predict(image_HW, cols, positions, { decode, pause: () => this.pause() });
    });
  }

  state(): Promise<TrainingState> {
    return this.inOrder(() => {
      const { parameters, state } = this.model;
      const network = parameters.unpack(this.pool.heap.floats(state, parameters.size));
      if (!this.training) return { network, adamM: new Map(), adamV: new Map(), step: this.step };
      const [adamM, adamV] = [this.moments("adamM"), this.moments("adamV")].map((flat) => parameters.unpack(flat));
      return { network, adamM, adamV, step: this.step };
    });
  }

  /** Waits for calls under way, then gives the memory back. Closing twice is fine. */
  close(): Promise<void> {
    if (this.closed) return this.tail.then(() => {});
    const done = this.inOrder(() => {
      this.maps?.release();
      this.setArena.release();
      this.programs.release();
      this.arena.release();
      this.onClose();
    });
    this.closed = true;
    return done;
  }

  /** Runs after all earlier calls of this session are done. */
  private inOrder<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.closed) return Promise.reject(new LoopscopeError("conflict", "session_closed", "The session is closed"));
    const result = this.tail.then(work);
    this.tail = result.catch(() => {});
    return result;
  }

  private trainAlike(training: TrainingBuffers, batches: readonly Int32Array[]): Float64Array {
    const { heap } = this.pool;
    const samples = batches[0].length;
    const indices = heap.words(training.indices, STEPS_PER_CALL * training.samples);
    batches.forEach((batch, i) => indices.set(batch, i * samples));
    const table = heap.floats(training.adamTable, 4 * STEPS_PER_CALL);
    const keys = heap.words(training.adamTable, 4 * STEPS_PER_CALL);
    batches.forEach((_, i) => {
      const { rate, scale, decay, noiseKey } = stepFactors(this.options, this.step + i + 1);
      table.set([rate, scale, decay], 4 * i);
      keys[4 * i + 3] = noiseKey;
    });
    const options = { samples, trainingSet: this.set, update: true, noiseFactor: noiseFactor(this.options) };
    const program = this.program(`train ${samples}`, () => trainingProgram(this.model, training, options));
    this.pool.run(program, { steps: batches.length });
    this.step += batches.length;
    this.stale = true;
    return heap.doubles(training.losses, batches.length).slice();
  }

  private async infer(part: Part, data: Float32Array): Promise<Prediction> {
    const { network } = this;
    const { latent } = network.options;
    const inFloats = part === "decode" ? latent : sizeOf(network.inputShape), outFloats = sizeOf(network.outputShape);
    const count = countSamples(data, inFloats, part === "decode" ? "Latent" : "Input");
    const latent_NL = new Float32Array(part === "decode" ? 0 : count * latent);
    const output_NO = new Float32Array(part === "encode" ? 0 : count * outFloats);
    this.prepareInference();
    for (let from = 0; from < count; from += this.inference.samples) {
      const to = Math.min(count, from + this.inference.samples);
      this.inferBatch(
        part,
        data.subarray(from * inFloats, to * inFloats),
        latent_NL.subarray(from * latent, to * latent),
        output_NO.subarray(from * outFloats, to * outFloats),
      );
      if (to < count) await this.pause();
    }
    return { latent_NL, output_NO };
  }

  private inferBatch(part: Part, data: Float32Array, latent_NL: Float32Array, output_NO: Float32Array): void {
    const { inference: buffers, network } = this;
    const { heap } = this.pool;
    const samples = data.length / (part === "decode" ? network.options.latent : sizeOf(network.inputShape));
    this.write(part === "decode" ? buffers.latent : buffers.input, data);
    this.pool.run(this.inferenceProgram(part, samples), { alone: samples < ALONE_BELOW });
    latent_NL.set(heap.floats(buffers.latent, latent_NL.length));
    output_NO.set(heap.floats(buffers.output, output_NO.length));
  }

  private decodeHere(latent_NL: Float32Array): Promise<Float32Array> {
    return this.infer("decode", latent_NL).then(({ output_NO }) => output_NO);
  }

  /** A whole image patch by patch. */
  private async predictPatches(
    image_HW: Float32Array,
    cols: number,
    positions: { rows: number; cols: number },
    want: "latent" | "all",
  ): Promise<ImagePrediction> {
    const { window, latent, points } = this.network.options;
    const count = positions.rows * positions.cols;
    const latent_HWL = new Float32Array(count * latent);
    const output_HWS = new Float32Array(want === "all" ? count * points : 0);
    for (let from = 0; from < count; from += PATCHES_AT_ONCE) {
      const size = Math.min(PATCHES_AT_ONCE, count - from);
      const patches = gatherPatches(image_HW, { cols, window, gridCols: positions.cols, from, count: size });
      const part = await this.infer(want === "all" ? "all" : "encode", patches);
      latent_HWL.set(part.latent_NL, from * latent);
      output_HWS.set(part.output_NO, want === "all" ? from * points : 0);
    }
    return { ...positions, latent_HWL, output_HWS };
  }

  /** Lets the caller's thread see to other things once in a while. */
  private async pause(): Promise<void> {
    if (performance.now() - this.lastPause < PAUSE_AFTER_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.lastPause = performance.now();
  }

  private prepareInference(): void {
    if (!this.stale) return;
    this.pool.run(this.program("prepare", () => preparation(this.model)));
    this.stale = false;
  }

  private inferenceProgram(part: Part, samples: number): number {
    return this.program(`${part} ${samples}`, () => [
      ...(part === "decode" ? [] : encoding(this.model, this.inference, samples)),
      ...(part === "encode" ? [] : decoding(this.model, this.inference, samples)),
    ]);
  }

  /** Address of a program, written at its first use. */
  private program(name: string, stages: () => Parameters<typeof writeProgram>[1]): number {
    const known = this.written.get(name);
    if (known !== undefined) return known;
    const { address } = writeProgram(this.programs, stages());
    this.written.set(name, address);
    return address;
  }

  private forgetPrograms(): void {
    this.programs.release();
    this.written.clear();
  }

  private wantTraining(): TrainingBuffers {
    if (this.training) return this.training;
    throw unprocessable("not_trainable", "The session was opened with trainBatch 0; expected at least 1");
  }

  private moments(which: "adamM" | "adamV"): Float32Array {
    return this.pool.heap.floats(this.model[which], this.training ? this.model.parameters.trainedSize : 0);
  }

  private write(address: number, data: Float32Array): void {
    this.pool.heap.floats(address, data.length).set(data);
  }
}

function inferenceBatch(model: WasmModel): number {
  const pixels = Math.max(...[...model.encoder, ...model.decoder].map((stage) => stage.pixels));
  const samples = Math.floor(INFERENCE_BYTES / (4 * pixels * model.channels));
  return Math.max(1, Math.min(INFERENCE_BATCH, samples));
}

function scratchBytes(model: WasmModel): number {
  const images = [...model.encoder, ...model.decoder].map(({ conv }) => 4 * (conv.rows + 2) * (conv.cols + 2));
  return Math.max(convolveScratch(model.channels), 16384 + 16 * model.network.options.latent, ...images);
}
