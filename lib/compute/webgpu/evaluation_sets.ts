import { sizeOf } from "../../base/nd_array.ts";
import type { EvaluationSet } from "../engine.ts";
import { countPairs } from "../session_input.ts";
import type { CompiledPlan } from "./compile_plan.ts";
import type { ControlTable } from "./control_table.ts";
import type { GpuDevice, PreparedDispatch } from "./gpu_device.ts";
import { grid } from "./gpu_kernel.ts";
import { evaluationLossKernel, LOSS_CHUNK, takeKernel } from "./simple_kernels.ts";

/** Samples that go through the network together. */
interface Chunk {
  readonly dispatches: readonly PreparedDispatch[];
  readonly first: number;
  readonly n: number;
  /** Where its sums of squared errors begin, and how many there are. */
  readonly sumAt: number;
  readonly sums: number;
}

/** Evaluation pairs on the device; their losses are summed there. */
export class EvaluationSets {
  private constructor(
    private readonly gpu: GpuDevice,
    private readonly control: ControlTable,
    private readonly made: readonly GPUBuffer[],
    /** Of all chunks of all sets. */
    readonly sums: GPUBuffer,
    private readonly sets: readonly { chunks: readonly Chunk[]; weight: number }[],
  ) {}

  static async open(
    gpu: GpuDevice,
    inference: CompiledPlan,
    control: ControlTable,
    given: readonly EvaluationSet[],
  ): Promise<EvaluationSets> {
    const { plan, buffers } = inference;
    const { threads } = gpu.limits;
    const [inputSize, features] = [sizeOf(plan.network.inputShape), sizeOf(plan.network.outputShape)];
    const made: GPUBuffer[] = [];
    const keep = (buffer: GPUBuffer) => {
      made.push(buffer);
      return buffer;
    };
    const counts = given.map(({ input_NI, target_NO }) => countPairs(plan.network, input_NI, target_NO));
    const sumsOf = (n: number) => Math.ceil(n * features / LOSS_CHUNK);
    const chunksOf = (count: number) =>
      Array.from({ length: Math.ceil(count / plan.batch) }, (_, c) => {
        const first = c * plan.batch;
        return { first, n: Math.min(plan.batch, count - first) };
      });
    try {
      const total = counts.flatMap(chunksOf).reduce((sum, { n }) => sum + sumsOf(n), 0);
      const sums = keep(await gpu.buffer("evaluation sums", total));
      const sets = [];
      let sumAt = 0;
      for (
        const [s, { input_NI, target_NO, weight_NO = new Float32Array(target_NO.length).fill(1) }] of given.entries()
      ) {
        const input = keep(await gpu.bufferOf("evaluation inputs", input_NI));
        const target = keep(await gpu.bufferOf("evaluation targets", target_NO));
        const weights = keep(await gpu.bufferOf("evaluation weights", weight_NO));
        const { prepared: [take, loss], places } = await gpu.prepare([
          {
            kernel: takeKernel(inputSize, threads),
            control: control.buffer,
            buffers: [input, buffers[plan.input]],
            workgroups: (n) => grid(Math.ceil(n * inputSize / threads)),
          },
          {
            kernel: evaluationLossKernel(features, threads),
            control: control.buffer,
            buffers: [buffers[plan.output!], target, weights, sums],
            workgroups: (n) => [sumsOf(n), 1, 1],
          },
        ]);
        keep(places);
        const dispatches = [take, ...inference.dispatches, loss];
        const chunks = chunksOf(counts[s]).map((chunk): Chunk => {
          const placed = { ...chunk, dispatches, sumAt, sums: sumsOf(chunk.n) };
          sumAt += placed.sums;
          return placed;
        });
        sets.push({ chunks, weight: weight_NO.reduce((sum, weight) => sum + weight, 0) });
      }
      return new EvaluationSets(gpu, control, made, sums, sets);
    } catch (error) {
      made.forEach((buffer) => buffer.destroy());
      throw error;
    }
  }

  /** Chunks of all sets, for `submit`. */
  get chunks(): readonly Chunk[] {
    return this.sets.flatMap(({ chunks }) => chunks);
  }

  /** Floats of `sums`. */
  get size(): number {
    return this.chunks.reduce((sum, { sums }) => sum + sums, 0);
  }

  /** Up to as many chunks as the control table has slots, in one submission. */
  submit(chunks: readonly Chunk[]): void {
    const offsets = this.control.write(chunks.map(({ n, first, sumAt }) => ({ n, first, lossAt: sumAt })));
    this.gpu.submit(chunks.map(({ dispatches, n }, i) => ({ dispatches, n, control: offsets[i] })));
  }

  /** The weighted mean of each set from what `sums` held. */
  losses(sums: Float32Array): number[] {
    return this.sets.map(({ chunks, weight }) => {
      let sum = 0;
      for (const { sumAt, sums: count } of chunks) for (let i = 0; i < count; i++) sum += sums[sumAt + i];
      return sum / weight;
    });
  }

  destroy(): void {
    this.made.forEach((buffer) => buffer.destroy());
  }
}
