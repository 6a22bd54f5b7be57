import type { StepFactors } from "../optimiser.ts";
import type { GpuDevice } from "./gpu_device.ts";
import { CONTROL_BYTES } from "./gpu_kernel.ts";

/** What WebGPU asks of a binding's offset at most. */
const SLOT_BYTES = 256;

/** One control block (`Control` of gpu_kernel.ts). */
export interface ControlBlock {
  readonly n: number;
  readonly lossAt?: number;
  readonly factors?: StepFactors;
  readonly first?: number;
}

/**
 * Control blocks in one buffer, which a dispatch names by a dynamic offset: the steps of one submission differ in nothing
 * else. Writes and submissions are executed in order, so slots may be overwritten as soon as their work is submitted.
 */
export class ControlTable {
  private constructor(private readonly gpu: GpuDevice, readonly buffer: GPUBuffer, readonly slots: number) {}

  static async open(gpu: GpuDevice, slots: number): Promise<ControlTable> {
    return new ControlTable(gpu, await gpu.buffer("control", slots * SLOT_BYTES / 4, "uniform"), slots);
  }

  /** Writes the blocks into the first slots; returns the offset of each. */
  write(blocks: readonly ControlBlock[]): number[] {
    const bytes = new ArrayBuffer(blocks.length * SLOT_BYTES);
    blocks.forEach(({ n, lossAt = 0, factors, first = 0 }, i) => {
      const [words, floats] = [new Uint32Array(bytes, i * SLOT_BYTES, CONTROL_BYTES / 4), new Float32Array(bytes)];
      words.set([n, lossAt, 0, 0, 0, factors?.noiseKey ?? 0, first, 0]);
      if (factors) floats.set([factors.rate, factors.scale, factors.decay], i * SLOT_BYTES / 4 + 2);
    });
    this.gpu.write(this.buffer, new Uint32Array(bytes));
    return blocks.map((_, i) => i * SLOT_BYTES);
  }
}
