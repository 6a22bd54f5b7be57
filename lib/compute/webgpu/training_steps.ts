import { conflict } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { SessionOptions } from "../engine.ts";
import { noiseFactor, stepFactors } from "../optimiser.ts";
import { checkBatches, countPairs } from "../session_input.ts";
import type { CompiledPlan } from "./compile_plan.ts";
import type { ControlTable } from "./control_table.ts";
import type { GpuDevice, PreparedDispatch } from "./gpu_device.ts";
import { grid } from "./gpu_kernel.ts";
import type { Dispatch } from "./gpu_kernel.ts";
import { gatherKernel } from "./simple_kernels.ts";

/** Most steps of one submission. */
export const STEPS_AT_ONCE = 8;

interface TrainingSet {
  readonly count: number;
  readonly buffers: readonly GPUBuffer[];
  readonly gather: readonly PreparedDispatch[];
}

/** The training set on the device, and optimiser steps on mini-batches of it. */
export class TrainingSteps {
  #set?: TrainingSet;
  #step: number;

  constructor(
    private readonly gpu: GpuDevice,
    private readonly training: CompiledPlan,
    private readonly control: ControlTable,
    /** Places in the training set, for all steps of one submission. */
    private readonly order: GPUBuffer,
    private readonly options: SessionOptions,
    step: number,
  ) {
    this.#step = step;
  }

  /** Steps taken so far. */
  get step(): number {
    return this.#step;
  }

  async setTrainingSet(input_NI: Float32Array, target_NO: Float32Array): Promise<void> {
    const { plan, buffers } = this.training;
    const { inputShape, outputShape } = plan.network;
    const count = countPairs(plan.network, input_NI, target_NO);
    this.dropTrainingSet();
    const sides = [
      { data: input_NI, to: buffers[plan.input], shape: inputShape, noise: noiseFactor(this.options) },
      { data: target_NO, to: buffers[plan.target!], shape: outputShape, noise: 0 },
    ];
    const samples: GPUBuffer[] = [];
    for (const { data } of sides) samples.push(await this.gpu.bufferOf("training set", data));
    const dispatches = sides.map(({ to, shape, noise }, i) => this.#gather(samples[i], to, sizeOf(shape), noise));
    const { prepared: gather, places } = await this.gpu.prepare(dispatches);
    this.#set = { count, buffers: [...samples, places], gather };
  }

  /** Throws `no_training_set`, and what `checkBatches` throws. */
  check(batches: readonly Int32Array[]): void {
    if (!this.#set) throw conflict("no_training_set", "Session has no training set");
    checkBatches(batches, this.#set.count, this.options.trainBatch);
  }

  /** One step for each of up to `STEPS_AT_ONCE` batches, in one submission; their losses go to `lossAt` and on. */
  submit(batches: readonly Int32Array[], lossAt: number): void {
    const { trainBatch } = this.options;
    const order = new Float32Array(batches.length * trainBatch);
    batches.forEach((batch, i) => order.set(batch, i * trainBatch));
    this.gpu.write(this.order, order);
    const offsets = this.control.write(batches.map(({ length: n }, i) => {
      return { n, lossAt: lossAt + i, first: i * trainBatch, factors: stepFactors(this.options, ++this.#step) };
    }));
    const dispatches = [...this.#set!.gather, ...this.training.dispatches];
    this.gpu.submit(batches.map(({ length: n }, i) => ({ dispatches, n, control: offsets[i] })));
  }

  dropTrainingSet(): void {
    for (const buffer of this.#set?.buffers ?? []) buffer.destroy();
    this.#set = undefined;
  }

  #gather(samples: GPUBuffer, to: GPUBuffer, floats: number, noise: number): Dispatch {
    const { threads } = this.gpu.limits;
    return {
      kernel: gatherKernel(floats, threads, noise),
      control: this.control.buffer,
      buffers: [samples, this.order, to],
      workgroups: (n) => grid(Math.ceil(n * floats / threads)),
    };
  }
}
