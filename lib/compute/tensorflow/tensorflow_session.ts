import type * as tfjs from "@tensorflow/tfjs-core";
import { conflict } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { Network } from "../../../models/network.ts";
import type { ImagePrediction, NetworkState, Prediction, Session, SessionOptions, TrainingState } from "../engine.ts";
import { imageByPatches } from "../image_by_patches.ts";
import { layoutParameters, packState, unpackState } from "../parameter_layout.ts";
import type { ParameterLayout } from "../parameter_layout.ts";
import { planInference, planTraining } from "../plan.ts";
import type { Plan } from "../plan.ts";
import { checkBatches, checkState, countPairs, countSamples } from "../session_input.ts";
import { ADAM, noiseFactor, noiseOf, stepFactors } from "../optimiser.ts";
import { runStep } from "./run_step.ts";
import type { TensorMachine, Tfjs } from "./run_step.ts";

type Tensor = tfjs.Tensor;

/** Samples that go through the network together in evaluation mode. */
const BATCH = 64;

/** What is learned: flat vectors in the layout's order; replaced as one at each step. */
interface Learned {
  trained: Tensor;
  running: Tensor;
  adamM: Tensor;
  adamV: Tensor;
}

/** One network in TensorFlow's memory. tfjs is called without a wait inside a step, so calls cannot interleave there. */
export class TensorflowSession implements Session {
  private readonly layout: ParameterLayout;
  private readonly options: SessionOptions;
  private learned: Learned;
  private trainingSet?: { count: number; input: Tensor; target: Tensor };
  private step: number;
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly tf: Tfjs,
    readonly network: Network,
    state: NetworkState,
    options: Partial<SessionOptions>,
  ) {
    const { resume } = options;
    checkState(network, state, resume);
    this.layout = layoutParameters(network);
    this.options = { trainBatch: 0, learningRate: 1e-3, ...options };
    this.step = resume?.step ?? 0;
    const { trainedSize } = this.layout;
    const flat = packState(this.layout, state);
    const moment = (of?: NetworkState) => of ? packState(this.layout, of, "trained") : new Float32Array(trainedSize);
    this.learned = {
      trained: tf.tensor1d(flat.subarray(0, trainedSize)),
      running: tf.tensor1d(flat.subarray(trainedSize)),
      adamM: tf.tensor1d(moment(resume?.adamM)),
      adamV: tf.tensor1d(moment(resume?.adamV)),
    };
  }

  setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void> {
    return this.inOrder(() => {
      const count = countPairs(this.network, input_NI, target_NO);
      this.dropTrainingSet();
      const { inputShape, outputShape } = this.network;
      this.trainingSet = {
        count,
        input: this.tf.tensor2d(input_NI, [count, sizeOf(inputShape)]),
        target: this.tf.tensor2d(target_NO, [count, sizeOf(outputShape)]),
      };
    });
  }

  trainSteps(batches: readonly Int32Array[]): Promise<Float64Array> {
    return this.inOrder(async () => {
      if (!this.trainingSet) throw conflict("no_training_set", "Session has no training set");
      checkBatches(batches, this.trainingSet.count, this.options.trainBatch);
      const plan = planTraining(this.network, this.options.trainBatch);
      const losses: Tensor[] = batches.map((batch) => this.trainStep(plan, batch));
      if (losses.length === 0) return new Float64Array();
      const values = await Promise.all(losses.map((loss) => loss.data()));
      this.tf.dispose(losses);
      return Float64Array.from(values, ([loss]) => loss);
    });
  }

  gradients(input_NI: Float32Array, target_NO: Float32Array) {
    return this.inOrder(() => {
      const { tf, layout } = this;
      const n = countPairs(this.network, input_NI, target_NO);
      const plan = planTraining(this.network, n);
      return tf.tidy("gradients", () => {
        const machine = this.run(plan, n, tf.tensor1d(input_NI), tf.tensor1d(target_NO));
        const output_NO = machine.buffers.get(plan.output!)!.dataSync() as Float32Array;
        const flat = this.flatten(machine.gradients, "trained").dataSync() as Float32Array;
        return { loss: machine.loss!.dataSync()[0], output_NO, gradients: unpackState(layout, flat) } as never;
      }) as { loss: number; output_NO: Float32Array; gradients: NetworkState };
    });
  }

  predict(input_NI: Float32Array): Promise<Prediction> {
    return this.inOrder(() => {
      const [latent_NL, output_NO] = this.infer("all", input_NI, sizeOf(this.network.inputShape));
      return { latent_NL, output_NO };
    });
  }

  encode(input_NI: Float32Array): Promise<Float32Array> {
    return this.inOrder(() => this.infer("encode", input_NI, sizeOf(this.network.inputShape))[0]);
  }

  decode(latent_NL: Float32Array): Promise<Float32Array> {
    return this.inOrder(() => this.infer("decode", latent_NL, this.network.options.latent)[0]);
  }

  predictImage(
    image_HW: Float32Array,
    rows: number,
    cols: number,
    want: "latent" | "all" = "all",
  ): Promise<ImagePrediction> {
    return imageByPatches(this, image_HW, { rows, cols }, want);
  }

  state(): Promise<TrainingState> {
    return this.inOrder(async () => {
      const { trained, running, adamM, adamV } = this.learned;
      const [weights, statistics, m, v] = await Promise.all(
        [trained, running, adamM, adamV].map((tensor) => tensor.data() as Promise<Float32Array>),
      );
      const flat = new Float32Array(this.layout.size);
      flat.set(weights);
      flat.set(statistics, weights.length);
      const unpack = (data: Float32Array) => unpackState(this.layout, data);
      return { network: unpack(flat), adamM: unpack(m), adamV: unpack(v), step: this.step };
    });
  }

  close(): Promise<void> {
    return this.inOrder(() => {
      this.dropTrainingSet();
      this.tf.dispose(Object.values(this.learned));
    });
  }

  private inOrder<T>(run: () => T | Promise<T>): Promise<T> {
    const result = this.last.then(run);
    this.last = result.catch(() => {});
    return result;
  }

  /** One mini-batch; returns its loss, still on the device. */
  private trainStep(plan: Plan, batch: Int32Array): Tensor {
    const { tf, trainingSet, options } = this;
    const { rate, scale, decay, noiseKey } = stepFactors(options, ++this.step);
    const [loss, trained, running, adamM, adamV] = tf.tidy("train", () => {
      const rows = tf.tensor1d(batch, "int32");
      const [input, target] = [trainingSet!.input, trainingSet!.target].map((all) => tf.gather(all, rows));
      const noisy = tf.add(input, this.noise(noiseKey, batch.length));
      const machine = this.run(plan, batch.length, noisy, target);
      const g = this.flatten(machine.gradients, "trained");
      const m = tf.add(tf.mul(this.learned.adamM, ADAM.beta1), tf.mul(g, 1 - ADAM.beta1));
      const v = tf.add(tf.mul(this.learned.adamV, ADAM.beta2), tf.mul(tf.square(g), 1 - ADAM.beta2));
      const below = tf.add(tf.mul(tf.sqrt(v), scale), ADAM.eps);
      const change = tf.mul(tf.div(m, below), rate);
      const updated = tf.sub(tf.mul(this.learned.trained, decay), change);
      return [machine.loss!, updated, this.flatten(machine.parameters, "running"), m, v];
    });
    tf.dispose(Object.values(this.learned));
    this.learned = { trained, running, adamM, adamV };
    return loss;
  }

  /** Input noise of one step, n x input size; 0 where there is none. */
  private noise(noiseKey: number, n: number): Tensor {
    const { tf, options } = this;
    const factor = noiseFactor(options);
    if (factor === 0) return tf.scalar(0);
    const size = sizeOf(this.network.inputShape);
    const value = (_: unknown, i: number) => factor * noiseOf(noiseKey, Math.floor(i / size), i % size);
    return tf.tensor2d(Float32Array.from({ length: n * size }, value), [n, size]);
  }

  /** Runs all steps but Adam for n samples. */
  private run(plan: Plan, n: number, input: Tensor, target?: Tensor): TensorMachine {
    const { tf, learned } = this;
    const buffers = new Map([[plan.input, this.asRows(input, plan, n)]]);
    if (target) buffers.set(plan.target!, target);
    const parameters = new Map([...this.split(learned.trained, "trained"), ...this.split(learned.running, "running")]);
    const machine: TensorMachine = { tf, n, buffers, parameters, gradients: new Map() };
    for (const step of plan.steps) if (step.kind !== "update") runStep(machine, step);
    return machine;
  }

  /** Images and spectra have one channel: (N * positions, 1). Latents are (N, latent). */
  private asRows(input: Tensor, plan: Plan, n: number): Tensor {
    const isLatent = plan.latent === undefined && plan.target === undefined;
    return this.tf.reshape(input, isLatent ? [n, -1] : [-1, 1]);
  }

  /** The flat vector's parameters by name; `sizes` includes the gaps that alignment leaves after each. */
  private split(flat: Tensor, part: "trained" | "running"): [string, Tensor][] {
    const { slots, sizes } = this.pieces(part);
    const parts = this.tf.split(flat, sizes);
    return slots.map((slot, i) => [slot.spec.name, this.tf.slice(parts[i], 0, slot.size)]);
  }

  private flatten(values: ReadonlyMap<string, Tensor>, part: "trained" | "running"): Tensor {
    const { slots, sizes } = this.pieces(part);
    return this.tf.concat(
      slots.map((slot, i) =>
        this.tf.pad(this.tf.reshape(values.get(slot.spec.name)!, [-1]), [[0, sizes[i] - slot.size]])
      ),
    );
  }

  private pieces(part: "trained" | "running") {
    const { trainedSize, size } = this.layout;
    const slots = [...this.layout.slots.values()]
      .filter(({ offset }) => (offset < trainedSize) === (part === "trained"))
      .toSorted((a, b) => a.offset - b.offset);
    const end = part === "trained" ? trainedSize : size;
    return { slots, sizes: slots.map(({ offset }, i) => (slots[i + 1]?.offset ?? end) - offset) };
  }

  private infer(part: "all" | "encode" | "decode", data: Float32Array, floatsPerSample: number): Float32Array[] {
    const { tf } = this;
    const count = countSamples(data, floatsPerSample, part === "decode" ? "Latent" : "Input");
    const plan = planInference(this.network, BATCH, part);
    const wanted = [plan.latent, plan.output].filter((id) => id !== undefined);
    const floats = wanted.map((id) => plan.buffers[id].floatsPerSample);
    const results = floats.map((each) => new Float32Array(count * each));
    for (let from = 0; from < count; from += BATCH) {
      const n = Math.min(BATCH, count - from);
      tf.tidy("infer", () => {
        const input = tf.tensor1d(data.subarray(from * floatsPerSample, (from + n) * floatsPerSample));
        const { buffers } = this.run(plan, n, input);
        wanted.forEach((id, i) => results[i].set(buffers.get(id)!.dataSync() as Float32Array, from * floats[i]));
      });
    }
    return results;
  }

  private dropTrainingSet(): void {
    if (this.trainingSet) this.tf.dispose([this.trainingSet.input, this.trainingSet.target]);
    this.trainingSet = undefined;
  }
}
