import { conflict } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { Network } from "../../../models/network.ts";
import type { ImagePrediction, NetworkState, Prediction, Session, SessionOptions, TrainingState } from "../engine.ts";
import { imageByPatches } from "../image_by_patches.ts";
import { layoutParameters, packState, unpackState } from "../parameter_layout.ts";
import type { ParameterLayout } from "../parameter_layout.ts";
import { planInference, planTraining } from "../plan.ts";
import { checkState, countPairs, countSamples, imagePositions } from "../session_input.ts";
import { compilePlan } from "./compile_plan.ts";
import type { CompiledPlan } from "./compile_plan.ts";
import { ControlTable } from "./control_table.ts";
import { EvaluationSets } from "./evaluation_sets.ts";
import type { GpuDevice } from "./gpu_device.ts";
import { GpuEpochs, MOST_LOSSES } from "./gpu_epochs.ts";
import { GpuSnapshots } from "./gpu_snapshots.ts";
import { MapEncoder } from "./map_encoder.ts";
import type { Grid } from "./map_encoder.ts";
import { type Piece, readPieces } from "./read_pieces.ts";
import type { SessionBuffers } from "./step_dispatches.ts";
import { STEPS_AT_ONCE, TrainingSteps } from "./training_steps.ts";

/** Largest buffer of an inference plan, and most samples of its batch. */
const INFERENCE_BYTES = 64 * 2 ** 20;
const INFERENCE_BATCH = 256;

type Part = "all" | "encode" | "decode";

/** What only a session that trains has. */
interface Training {
  readonly compiled: CompiledPlan;
  readonly steps: TrainingSteps;
  readonly snapshots: GpuSnapshots;
}

/** One network on a GPU: weights, moments, training set and all activations stay there. */
export class WebgpuSession implements Session {
  readonly epochs?: GpuEpochs;
  private readonly inference = new Map<Part, CompiledPlan>();
  private readonly training?: Training;
  private map?: MapEncoder;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly gpu: GpuDevice,
    readonly network: Network,
    private readonly layout: ParameterLayout,
    private readonly shared: SessionBuffers,
    private readonly control: ControlTable,
    private readonly order: GPUBuffer,
    compiled: CompiledPlan | undefined,
    options: SessionOptions,
  ) {
    if (!compiled) return;
    const { parameters, adamM, adamV, losses } = shared;
    const steps = new TrainingSteps(gpu, compiled, control, order, options, options.resume?.step ?? 0);
    const snapshots = new GpuSnapshots(gpu, [parameters, adamM, adamV], (flat, step) => this.unpack(flat, step));
    this.training = { compiled, steps, snapshots };
    const inOrder = <T>(run: () => Promise<T>) => this.inOrder(run);
    const openSets = async (sets: Parameters<GpuEpochs["setEvaluationSets"]>[0]) =>
      EvaluationSets.open(gpu, await this.inferencePlan("all"), control, sets);
    this.epochs = new GpuEpochs({ gpu, steps, snapshots, losses, inOrder, openSets });
  }

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
      const control = await ControlTable.open(gpu, STEPS_AT_ONCE);
      made.push(control.buffer);
      const shared = {
        control: control.buffer,
        parameters: await keep(gpu.bufferOf("parameters", packState(layout, state))),
        gradients: await keep(gpu.buffer("gradients", layout.trainedSize)),
        adamM: await keep(gpu.bufferOf("first moments", moment(resume?.adamM))),
        adamV: await keep(gpu.bufferOf("second moments", moment(resume?.adamV))),
        losses: await keep(gpu.buffer("losses", trainBatch > 0 ? MOST_LOSSES : 1)),
      };
      const order = await keep(gpu.buffer("order", STEPS_AT_ONCE * trainBatch));
      const training = trainBatch > 0 ? await compilePlan(gpu, planTraining(network, trainBatch), shared) : undefined;
      return new WebgpuSession(gpu, network, layout, shared, control, order, training, options);
    } catch (error) {
      made.forEach((buffer) => buffer.destroy());
      throw error;
    }
  }

  setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void> {
    return this.inOrder(async () => {
      countPairs(this.network, input_NI, target_NO);
      await this.training?.steps.setTrainingSet(input_NI, target_NO);
    });
  }

  trainSteps(batches: readonly Int32Array[]): Promise<Float64Array> {
    return this.inOrder(async () => {
      if (!this.training) throw conflict("no_training_set", "Session has no training set");
      const { steps } = this.training;
      steps.check(batches);
      const losses = new Float64Array(batches.length);
      for (let from = 0; from < batches.length; from += MOST_LOSSES) {
        const some = batches.slice(from, from + MOST_LOSSES);
        for (let at = 0; at < some.length; at += STEPS_AT_ONCE) steps.submit(some.slice(at, at + STEPS_AT_ONCE), at);
        const [met] = await this.gpu.read([{ buffer: this.shared.losses, floats: some.length }]);
        losses.set(met, from);
      }
      return losses;
    });
  }

  gradients(input_NI: Float32Array, target_NO: Float32Array) {
    return this.inOrder(async () => {
      const n = countPairs(this.network, input_NI, target_NO);
      const trained = this.training?.compiled;
      const fits = trained !== undefined && n <= trained.plan.batch;
      const compiled = fits ? trained : await compilePlan(this.gpu, planTraining(this.network, n), this.shared);
      const { plan, buffers, withoutUpdate } = compiled;
      const { parameters, gradients, losses } = this.shared;
      const [before] = await this.gpu.read([{ buffer: parameters, floats: this.layout.size }]);
      this.gpu.write(buffers[plan.input], input_NI);
      this.gpu.write(buffers[plan.target!], target_NO);
      this.submit(withoutUpdate, n);
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
      const { layout, shared, training } = this;
      const floats = training ? layout.trainedSize : 0;
      const flat = await this.gpu.read([
        { buffer: shared.parameters, floats: layout.size },
        { buffer: shared.adamM, floats },
        { buffer: shared.adamV, floats },
      ]);
      return this.unpack(flat, training?.steps.step ?? 0);
    });
  }

  close(): Promise<void> {
    return this.inOrder(() => {
      this.epochs?.destroy();
      this.training?.steps.dropTrainingSet();
      this.training?.snapshots.destroy();
      this.training?.compiled.destroy();
      this.map?.destroy();
      for (const compiled of this.inference.values()) compiled.destroy();
      for (const buffer of [...Object.values(this.shared), this.order]) buffer.destroy();
      return Promise.resolve();
    });
  }

  /** Calls share buffers, so each waits for the one before. */
  private inOrder<T>(run: () => Promise<T>): Promise<T> {
    const result = this.last.then(run);
    this.last = result.catch(() => {});
    return result;
  }

  private submit(dispatches: CompiledPlan["dispatches"], n: number): void {
    const [control] = this.control.write([{ n }]);
    this.gpu.submit([{ dispatches, n, control }]);
  }

  /** A state from flat parameters and moments; those of a session that only predicts are zero. */
  private unpack([network, adamM, adamV]: readonly Float32Array[], step: number): TrainingState {
    const { layout } = this;
    const moments = (flat: Float32Array) =>
      unpackState(layout, flat.length > 0 ? flat : new Float32Array(layout.trainedSize));
    return { network: unpackState(layout, network), adamM: moments(adamM), adamV: moments(adamV), step };
  }

  /** Latents of all patches, tile by tile; the last tiles reach back so that all are of one size. */
  private async encodeImage(image_HW: Float32Array, cols: number, positions: Grid, tile: Grid): Promise<Float32Array> {
    const { latent } = this.network.options;
    const encoder = await this.mapEncoder(tile);
    const latent_HWL = new Float32Array(positions.rows * positions.cols * latent);
    const pieces: Piece[] = [];
    for (let row0 = 0; row0 < positions.rows; row0 += tile.rows) {
      const row = Math.min(row0, positions.rows - tile.rows);
      for (let col0 = 0; col0 < positions.cols; col0 += tile.cols) {
        const col = Math.min(col0, positions.cols - tile.cols);
        pieces.push({
          submit: () => [encoder.encode(image_HW, cols, { row, col })],
          place: ([part]) => {
            for (let i = 0; i < tile.rows; i++) {
              const line = part.subarray(i * tile.cols * latent, (i + 1) * tile.cols * latent);
              latent_HWL.set(line, ((row + i) * positions.cols + col) * latent);
            }
          },
        });
      }
    }
    await readPieces(this.gpu, pieces, tile.rows * tile.cols * latent);
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
    const pieceAt = (from: number): Piece => {
      const n = Math.min(plan.batch, count - from);
      return {
        submit: () => {
          this.gpu.write(buffers[plan.input], data.subarray(from * floatsPerSample, (from + n) * floatsPerSample));
          this.submit(dispatches, n);
          return wanted.map((id, i) => ({ buffer: buffers[id], floats: n * perSample[i] }));
        },
        place: (met) => met.forEach((values, i) => results[i].set(values, from * perSample[i])),
      };
    };
    const pieces = Array.from({ length: Math.ceil(count / plan.batch) }, (_, i) => pieceAt(i * plan.batch));
    const floatsEach = Math.min(count, plan.batch) * perSample.reduce((sum, floats) => sum + floats, 0);
    await readPieces(this.gpu, pieces, floatsEach);
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
}
