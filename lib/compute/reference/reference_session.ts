import { conflict } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { Network } from "../../../models/network.ts";
import type { ImagePrediction, NetworkState, Prediction, Session, SessionOptions, TrainingState } from "../engine.ts";
import { imageByPatches } from "../image_by_patches.ts";
import { noiseFactor, noiseOf, stepFactors } from "../optimiser.ts";
import { packState, unpackState } from "../parameter_layout.ts";
import { planInference, planTraining } from "../plan.ts";
import type { Plan } from "../plan.ts";
import { checkBatches, checkState, countPairs, countSamples } from "../session_input.ts";
import { runStep } from "./run_step.ts";
import type { Machine } from "./run_step.ts";

/** Samples that go through the network together in evaluation mode. */
const BATCH = 16;

/** Runs plans step by step; every call is done when it returns. */
export class ReferenceSession implements Session {
  private readonly learned: Omit<Machine, "buffers">;
  private readonly trainBatch: number;
  private trainingSet = { input_NI: new Float32Array(), target_NO: new Float32Array(), count: 0 };

  constructor(readonly network: Network, state: NetworkState, options: Partial<SessionOptions>) {
    checkState(network, state, options.resume);
    const { layout } = planTraining(network, 1);
    const moment = (of?: NetworkState) => of ? packState(layout, of, "trained") : new Float32Array(layout.trainedSize);
    this.trainBatch = options.trainBatch ?? 0;
    this.learned = {
      parameters: packState(layout, state),
      gradients: new Float64Array(layout.trainedSize),
      adamM: moment(options.resume?.adamM),
      adamV: moment(options.resume?.adamV),
      optimiser: { learningRate: 1e-3, ...options },
      step: options.resume?.step ?? 0,
      loss: NaN,
    };
  }

  async setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void> {
    const count = countPairs(this.network, input_NI, target_NO);
    this.trainingSet = { input_NI: input_NI.slice(), target_NO: target_NO.slice(), count };
    await Promise.resolve();
  }

  async trainSteps(batches: readonly Int32Array[]): Promise<Float64Array> {
    if (this.trainingSet.count === 0) throw conflict("no_training_set", "Session has no training set");
    checkBatches(batches, this.trainingSet.count, this.trainBatch);
    const plan = planTraining(this.network, this.trainBatch);
    const machine = this.machineFor(plan);
    const losses = batches.map((batch) => {
      gather(machine.buffers[plan.input], this.trainingSet.input_NI, batch, sizeOf(this.network.inputShape));
      this.addNoise(machine, machine.buffers[plan.input], batch.length);
      gather(machine.buffers[plan.target!], this.trainingSet.target_NO, batch, sizeOf(this.network.outputShape));
      for (const step of plan.steps) runStep(machine, step, batch.length);
      return machine.loss;
    });
    this.learned.step = machine.step;
    await Promise.resolve();
    return Float64Array.from(losses);
  }

  async gradients(input_NI: Float32Array, target_NO: Float32Array) {
    const n = countPairs(this.network, input_NI, target_NO);
    const plan = planTraining(this.network, n);
    const machine = { ...this.machineFor(plan), parameters: this.learned.parameters.slice() };
    machine.buffers[plan.input].set(input_NI);
    machine.buffers[plan.target!].set(target_NO);
    for (const step of plan.steps) if (step.kind !== "update") runStep(machine, step, n);
    const gradients = unpackState(plan.layout, Float32Array.from(machine.gradients));
    await Promise.resolve();
    return { loss: machine.loss, output_NO: Float32Array.from(machine.buffers[plan.output!]), gradients };
  }

  async predict(input_NI: Float32Array): Promise<Prediction> {
    const { latent, output } = this.infer("all", input_NI, sizeOf(this.network.inputShape));
    await Promise.resolve();
    return { latent_NL: latent!, output_NO: output! };
  }

  async encode(input_NI: Float32Array): Promise<Float32Array> {
    await Promise.resolve();
    return this.infer("encode", input_NI, sizeOf(this.network.inputShape)).latent!;
  }

  async decode(latent_NL: Float32Array): Promise<Float32Array> {
    await Promise.resolve();
    return this.infer("decode", latent_NL, this.network.options.latent).output!;
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
    const { layout } = planTraining(this.network, 1);
    const { parameters, adamM, adamV, step } = this.learned;
    return Promise.resolve({
      network: unpackState(layout, parameters),
      adamM: unpackState(layout, adamM),
      adamV: unpackState(layout, adamV),
      step,
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private machineFor(plan: Plan): Machine {
    const slots = plan.slotSizes.map((size) => new Float64Array(size));
    const buffers = plan.buffers.map(({ slot, floatsPerSample, floatsFixed }) =>
      slots[slot].subarray(0, plan.batch * floatsPerSample + floatsFixed)
    );
    return { ...this.learned, buffers };
  }

  /** The input noise of the machine's next step. */
  private addNoise(machine: Machine, input: Float64Array, n: number): void {
    const factor = noiseFactor(machine.optimiser);
    if (factor === 0) return;
    const { noiseKey } = stepFactors(machine.optimiser, machine.step + 1);
    const size = sizeOf(this.network.inputShape);
    for (let i = 0; i < n * size; i++) input[i] += factor * noiseOf(noiseKey, Math.floor(i / size), i % size);
  }

  private infer(part: "all" | "encode" | "decode", data: Float32Array, floatsPerSample: number) {
    const count = countSamples(data, floatsPerSample, part === "decode" ? "Latent" : "Input");
    const plan = planInference(this.network, BATCH, part);
    const machine = this.machineFor(plan);
    const results = { latent: plan.latent, output: plan.output };
    const floatsOf = (id?: number) => id === undefined ? undefined : plan.buffers[id].floatsPerSample;
    const made = {
      latent: emptyFor(count, floatsOf(results.latent)),
      output: emptyFor(count, floatsOf(results.output)),
    };
    for (let from = 0; from < count; from += BATCH) {
      const n = Math.min(BATCH, count - from);
      machine.buffers[plan.input].set(data.subarray(from * floatsPerSample, (from + n) * floatsPerSample));
      for (const step of plan.steps) runStep(machine, step, n);
      for (const key of ["latent", "output"] as const) {
        const id = results[key];
        if (id !== undefined) made[key]!.set(machine.buffers[id].subarray(0, n * floatsOf(id)!), from * floatsOf(id)!);
      }
    }
    return made;
  }
}

function emptyFor(count: number, floats: number | undefined): Float32Array | undefined {
  return floats === undefined ? undefined : new Float32Array(count * floats);
}

function gather(to: Float64Array, from: Float32Array, indices: Int32Array, floats: number): void {
  indices.forEach((index, n) => to.set(from.subarray(index * floats, (index + 1) * floats), n * floats));
}
