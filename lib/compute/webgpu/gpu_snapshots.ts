import type { Snapshot, TrainingState } from "../engine.ts";
import type { GpuDevice } from "./gpu_device.ts";

/** Copies of a session's state that stay on the device until somebody reads them. */
export class GpuSnapshots {
  readonly #free: GPUBuffer[][] = [];
  readonly #made: GPUBuffer[] = [];

  constructor(
    private readonly gpu: GpuDevice,
    /** Parameters and moments. */
    private readonly sources: readonly GPUBuffer[],
    private readonly unpack: (flat: readonly Float32Array[], step: number) => TrainingState,
  ) {}

  /** The state after all that was submitted before; `step` goes with it. */
  async take(step: number): Promise<Snapshot> {
    const buffers = this.#free.pop() ?? await this.#allocate();
    this.gpu.copy(this.sources.map((from, i) => ({ from, to: buffers[i] })));
    let held = true;
    return {
      read: async () => {
        const flat = await this.gpu.read(buffers.map((buffer) => ({ buffer, floats: buffer.size / 4 })));
        return this.unpack(flat, step);
      },
      release: () => {
        if (held) this.#free.push(buffers);
        held = false;
      },
    };
  }

  destroy(): void {
    this.#made.forEach((buffer) => buffer.destroy());
  }

  async #allocate(): Promise<GPUBuffer[]> {
    const buffers: GPUBuffer[] = [];
    for (const { size } of this.sources) {
      buffers.push(await this.gpu.buffer("snapshot", size / 4));
      this.#made.push(buffers.at(-1)!);
    }
    return buffers;
  }
}
