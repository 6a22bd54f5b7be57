import { conflict } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { Network } from "../../../models/network.ts";
import type { ImagePrediction, NetworkState, Prediction, Session, SessionOptions, TrainingState } from "../engine.ts";
import { imageByPatches } from "../image_by_patches.ts";
import { layoutParameters, packState, unpackState } from "../parameter_layout.ts";
import type { ParameterLayout } from "../parameter_layout.ts";
import { planInference, planTraining } from "../plan.ts";
import { checkBatches, checkState, countPairs, countSamples, imagePositions } from "../session_input.ts";
import { noiseFactor, stepFactors } from "../optimiser.ts";
import type { StepFactors } from "../optimiser.ts";
import { compilePlan } from "./compile_plan.ts";
import type { CompiledPlan } from "./compile_plan.ts";
import type { GpuDevice, PreparedDispatch } from "./gpu_device.ts";
import { CONTROL_BYTES, grid } from "./gpu_kernel.ts";
import type { Dispatch } from "./gpu_kernel.ts";
import { MapEncoder } from "./map_encoder.ts";
import type { Grid } from "./map_encoder.ts";
import { gatherKernel } from "./simple_kernels.ts";
import type { SessionBuffers } from "./step_dispatches.ts";

/** Training steps between two looks at the losses. */
const READ_EVERY = 16;
/** Inference batches that are queued before the first is waited for. */
const IN_FLIGHT = 8;
/** Largest buffer of an inference plan, and most samples of its batch. */
const INFERENCE_BYTES = 64 * 2 ** 20;
const INFERENCE_BATCH = 256;

type Part = "all" | "encode" | "decode";

interface TrainingSet {
  readonly count: number;
  readonly buffers: readonly GPUBuffer[];
  readonly gather: readonly PreparedDispatch[];
}

/** One network on a GPU: weights, moments, training set and all activations stay there. */
export class WebgpuSession implements Session {
  private readonly inference = new Map<Part, CompiledPlan>();
  private map?: MapEncoder;
  private trainingSet?: TrainingSet;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly gpu: GpuDevice,
    readonly network: Network,
    private readonly layout: ParameterLayout,
    private readonly shared: SessionBuffers,
    private readonly indices: GPUBuffer,
    private readonly training: CompiledPlan | undefined,
    private readonly options: SessionOptions,
    private step: number,
  ) {}

  static async open(
    gpu: GpuDevice,
    network: Network,
    state: NetworkState,
    given: Partial<SessionOptions>,
  ): Promise<WebgpuSession> {
    const options = { trainBatch: 0, learningRate: 1e-3, ...given };
    const { trainBatch, resume } = options;
    checkState(network, state, resume);
    const layout = layoutParameters(network);
    const moment = (of?: NetworkState) =>
      of ? packState(layout, of, "trained") : new Float32Array(trainBatch > 0 ? layout.trainedSize : 0);
    const made: GPUBuffer[] = [];
    const keep = async (buffer: Promise<GPUBuffer>) => {
      made.push(await buffer);
      return made.at(-1)!;
    };
    try {
      const shared = {
        control: await keep(gpu.buffer("control", CONTROL_BYTES / 4, "uniform")),
        parameters: await keep(gpu.bufferOf("parameters", packState(layout, state))),
        gradients: await keep(gpu.buffer("gradients", layout.trainedSize)),
        adamM: await keep(gpu.bufferOf("first moments", moment(resume?.adamM))),
        adamV: await keep(gpu.bufferOf("second moments", moment(resume?.adamV))),
        losses: await keep(gpu.buffer("losses", READ_EVERY)),
      };
      const indices = await keep(gpu.buffer("indices", trainBatch));
      const training = trainBatch > 0 ? await compilePlan(gpu, planTraining(network, trainBatch), shared) : undefined;
      return new WebgpuSession(gpu, network, layout, shared, indices, training, options, resume?.step ?? 0);
    } catch (error) {
      made.forEach((buffer) => buffer.destroy());
      throw error;
    }
  }

  setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void> {
    return this.inOrder(async () => {
      const count = countPairs(this.network, input_NI, target_NO);
      this.dropTrainingSet();
      if (!this.training) return;
      const { plan, buffers } = this.training;
      const sides = [
        { data: input_NI, to: buffers[plan.input], shape: this.network.inputShape, noise: noiseFactor(this.options) },
        { data: target_NO, to: buffers[plan.target!], shape: this.network.outputShape, noise: 0 },
      ];
      const samples: GPUBuffer[] = [];
      for (const { data } of sides) samples.push(await this.gpu.bufferOf("training set", data));
      const dispatches = sides.map(({ to, shape, noise }, i) =>
        this.gatherDispatch(samples[i], to, sizeOf(shape), noise)
      );
      const { prepared: gather, places } = await this.gpu.prepare(dispatches);
      this.trainingSet = { count, buffers: [...samples, places], gather };
    });
  }

  trainSteps(batches: readonly Int32Array[]): Promise<Float64Array> {
    return this.inOrder(async () => {
      const { training, trainingSet } = this;
      if (!trainingSet || !training) throw conflict("no_training_set", "Session has no training set");
      checkBatches(batches, trainingSet.count, this.options.trainBatch);
      const work = [...trainingSet.gather, ...training.dispatches];
      const losses = new Float64Array(batches.length);
      for (let from = 0; from < batches.length; from += READ_EVERY) {
        const some = batches.slice(from, from + READ_EVERY);
        some.forEach((batch, lossAt) => this.submitStep(work, batch, lossAt));
        const [met] = await this.gpu.read([{ buffer: this.shared.losses, floats: some.length }]);
        losses.set(met, from);
      }
      return losses;
    });
  }

  gradients(input_NI: Float32Array, target_NO: Float32Array) {
    return this.inOrder(async () => {
      const n = countPairs(this.network, input_NI, target_NO);
      const fits = this.training !== undefined && n <= this.training.plan.batch;
      const compiled = fits ? this.training! : await compilePlan(this.gpu, planTraining(this.network, n), this.shared);
      const { plan, buffers, withoutUpdate } = compiled;
      const { parameters, gradients, losses } = this.shared;
      const [before] = await this.gpu.read([{ buffer: parameters, floats: this.layout.size }]);
      this.gpu.write(buffers[plan.input], input_NI);
      this.gpu.write(buffers[plan.target!], target_NO);
      this.writeControl(n);
      this.gpu.submit(withoutUpdate, n);
      this.gpu.write(parameters, before); // running statistics have moved
      const [loss, output_NO, flat] = await this.gpu.read([
        { buffer: losses, floats: 1 },
        { buffer: buffers[plan.output!], floats: target_NO.length },
        { buffer: gradients, floats: this.layout.trainedSize },
      ]);
      if (!fits) compiled.destroy();
      return { loss: loss[0], output_NO, gradients: unpackState(this.layout, flat) };
    });
  }

  predict(input_NI: Float32Array): Promise<Prediction> {
    return this.inOrder(async () => {
      const [latent_NL, output_NO] = await this.infer("all", input_NI, sizeOf(this.network.inputShape));
      return { latent_NL, output_NO };
    });
  }

  encode(input_NI: Float32Array): Promise<Float32Array> {
    return this.inOrder(async () => (await this.infer("encode", input_NI, sizeOf(this.network.inputShape)))[0]);
  }

  decode(latent_NL: Float32Array): Promise<Float32Array> {
    return this.inOrder(async () => (await this.infer("decode", latent_NL, this.network.options.latent))[0]);
  }

  async predictImage(
    image_HW: Float32Array,
    rows: number,
    cols: number,
    want: "latent" | "all" = "all",
  ): Promise<ImagePrediction> {
    const positions = imagePositions(this.network, image_HW, { rows, cols });
    const tile = MapEncoder.tileFor(this.network, positions, this.gpu.limits.tileBytes);
    if (!tile) return imageByPatches(this, image_HW, { rows, cols }, want);
    const latent_HWL = await this.inOrder(() => this.encodeImage(image_HW, cols, positions, tile));
    return {
      ...positions,
      latent_HWL,
      output_HWS: want === "all" ? await this.decode(latent_HWL) : new Float32Array(),
    };
  }

  state(): Promise<TrainingState> {
    return this.inOrder(async () => {
      const { layout, shared, options } = this;
      const floats = options.trainBatch > 0 ? layout.trainedSize : 0;
      const [network, adamM, adamV] = await this.gpu.read([
        { buffer: shared.parameters, floats: layout.size },
        { buffer: shared.adamM, floats },
        { buffer: shared.adamV, floats },
      ]);
      const moments = (flat: Float32Array) => unpackState(layout, floats ? flat : new Float32Array(layout.trainedSize));
      return { network: unpackState(layout, network), adamM: moments(adamM), adamV: moments(adamV), step: this.step };
    });
  }

  close(): Promise<void> {
    return this.inOrder(() => {
      this.dropTrainingSet();
      this.training?.destroy();
      this.map?.destroy();
      for (const compiled of this.inference.values()) compiled.destroy();
      for (const buffer of [...Object.values(this.shared), this.indices]) buffer.destroy();
      return Promise.resolve();
    });
  }

  /** Calls share buffers, so each waits for the one before. */
  private inOrder<T>(run: () => Promise<T>): Promise<T> {
    const result = this.last.then(run);
    this.last = result.catch(() => {});
    return result;
  }

  private submitStep(work: readonly PreparedDispatch[], batch: Int32Array, lossAt: number): void {
    this.gpu.write(this.indices, Float32Array.from(batch));
    this.writeControl(batch.length, lossAt, stepFactors(this.options, ++this.step));
    this.gpu.submit(work, batch.length);
  }

  private writeControl(n: number, lossAt = 0, factors?: StepFactors): void {
    const bytes = new ArrayBuffer(CONTROL_BYTES);
    new Uint32Array(bytes).set([n, lossAt, 0, 0, 0, factors?.noiseKey ?? 0]);
    if (factors) new Float32Array(bytes).set([factors.rate, factors.scale, factors.decay], 2);
    this.gpu.write(this.shared.control, new Uint32Array(bytes));
  }

  private gatherDispatch(samples: GPUBuffer, to: GPUBuffer, floats: number, noise: number): Dispatch {
    const { threads } = this.gpu.limits;
    return {
      kernel: gatherKernel(floats, threads, noise),
      control: this.shared.control,
      buffers: [samples, this.indices, to],
      workgroups: (n) => grid(Math.ceil(n * floats / threads)),
    };
  }

  /** Latents of all patches, tile by tile; the last tiles reach back so that all are of one size. */
  private async encodeImage(image_HW: Float32Array, cols: number, positions: Grid, tile: Grid): Promise<Float32Array> {
    const { latent } = this.network.options;
    const encoder = await this.mapEncoder(tile);
    const latent_HWL = new Float32Array(positions.rows * positions.cols * latent);
    for (let row0 = 0; row0 < positions.rows; row0 += tile.rows) {
      const row = Math.min(row0, positions.rows - tile.rows);
      for (let col0 = 0; col0 < positions.cols; col0 += tile.cols) {
        const col = Math.min(col0, positions.cols - tile.cols);
        const part = await encoder.encode(image_HW, cols, { row, col });
        for (let i = 0; i < tile.rows; i++) {
          const line = part.subarray(i * tile.cols * latent, (i + 1) * tile.cols * latent);
          latent_HWL.set(line, ((row + i) * positions.cols + col) * latent);
        }
      }
    }
    return latent_HWL;
  }

  /** The encoder for tiles of this size; only the last is kept. */
  private async mapEncoder(tile: Grid): Promise<MapEncoder> {
    const { rows, cols } = this.map?.tile ?? {};
    if (this.map && rows === tile.rows && cols === tile.cols) return this.map;
    this.map?.destroy();
    this.map = undefined;
    return this.map = await MapEncoder.open(this.gpu, this.network, this.shared, tile);
  }

  /** The part's results (latent, output, or both) for any number of samples. */
  private async infer(part: Part, data: Float32Array, floatsPerSample: number): Promise<Float32Array[]> {
    const count = countSamples(data, floatsPerSample, part === "decode" ? "Latent" : "Input");
    const { plan, buffers, dispatches } = await this.inferencePlan(part);
    const wanted = [plan.latent, plan.output].filter((id) => id !== undefined);
    const perSample = wanted.map((id) => plan.buffers[id].floatsPerSample);
    const results = perSample.map((floats) => new Float32Array(count * floats));
    let inFlight: Promise<void>[] = [];
    for (let from = 0; from < count; from += plan.batch) {
      const n = Math.min(plan.batch, count - from);
      this.gpu.write(buffers[plan.input], data.subarray(from * floatsPerSample, (from + n) * floatsPerSample));
      this.writeControl(n);
      this.gpu.submit(dispatches, n);
      const parts = wanted.map((id, i) => ({ buffer: buffers[id], floats: n * perSample[i] }));
      inFlight.push(this.gpu.read(parts).then((met) => met.forEach((m, i) => results[i].set(m, from * perSample[i]))));
      if (inFlight.length === IN_FLIGHT) await Promise.all(inFlight.splice(0));
    }
    await Promise.all(inFlight);
    inFlight = [];
    return results;
  }

  private async inferencePlan(part: Part): Promise<CompiledPlan> {
    const known = this.inference.get(part);
    if (known) return known;
    const [largest] = planInference(this.network, 1, part).slotSizes.toSorted((a, b) => b - a);
    const batch = Math.max(1, Math.min(INFERENCE_BATCH, Math.floor(INFERENCE_BYTES / 4 / largest)));
    const compiled = await compilePlan(this.gpu, planInference(this.network, batch, part), this.shared);
    this.inference.set(part, compiled);
    return compiled;
  }

  private dropTrainingSet(): void {
    for (const buffer of this.trainingSet?.buffers ?? []) buffer.destroy();
    this.trainingSet = undefined;
  }
}
