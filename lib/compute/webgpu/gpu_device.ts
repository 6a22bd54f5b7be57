import { LoopscopeError } from "../../base/errors.ts";
import { bindingTypes, CONTROL_BYTES } from "./gpu_kernel.ts";
import type { Dispatch, Kernel } from "./gpu_kernel.ts";

export interface GpuLimits {
  /** Threads of a workgroup for reductions and elementwise work: a power of two, at most 256. */
  readonly threads: number;
  readonly maxBindingBytes: number;
  /** Largest buffer of a tile of an image. */
  readonly tileBytes: number;
}

/** A dispatch with its pipeline and bindings made, ready to be encoded any number of times. */
export interface PreparedDispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly workgroups: (n: number) => readonly [x: number, y: number, z: number];
}

/** Dispatches for a batch of n; `control` is the offset of their block in the control table. */
export interface DispatchRun {
  readonly dispatches: readonly PreparedDispatch[];
  readonly n: number;
  readonly control: number;
}

/** The first floats of a buffer. */
export interface BufferPart {
  readonly buffer: GPUBuffer;
  readonly floats: number;
}

/** Results that come back together (`GpuDevice.openReadBack`). */
export interface ReadBack {
  /** Copies the parts as they are after all that was submitted before this call. */
  take(parts: readonly BufferPart[]): void;
  /** What was taken, call by call and part by part; called once. */
  values(): Promise<Float32Array[][]>;
}

/** Room for one dispatch's `place`: 256 bytes, what WebGPU asks of a binding's offset. */
const PLACE_FLOATS = 64;

const REMEDY = "restart the service, or choose LOOPSCOPE_ENGINE=wasm";

/**
 * A GPU with what every session needs: buffers whose lack of memory is an error, pipelines compiled once a source text,
 * and read-backs that a hung or lost device cannot hold for ever.
 */
export class GpuDevice {
  private readonly pipelines = new Map<string, GPUComputePipeline>();
  private fault?: LoopscopeError;
  private closed = false;
  private readonly lost: Promise<never>;
  /** Since the device was opened. */
  readonly work = { submissions: 0, dispatches: 0, readBacks: 0, bytesWritten: 0, bytesRead: 0 };

  constructor(private readonly device: GPUDevice, readonly limits: GpuLimits, private readonly timeoutMs: number) {
    this.lost = device.lost.then(({ message }) => {
      throw this.fail("gpu_lost", `GPU was lost (${message || "no reason given"}): ${REMEDY}`);
    });
    this.lost.catch(() => {});
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.fault ??= faultOf(error);
    });
  }

  get queue(): GPUQueue {
    return this.device.queue;
  }

  /** A zeroed buffer for shaders and copies. Throws unavailable `gpu_memory` where it does not fit. */
  async buffer(label: string, floats: number, usage: "storage" | "uniform" = "storage"): Promise<GPUBuffer> {
    this.check();
    const size = Math.max(16, Math.ceil(floats / 4) * 16);
    if (size > this.limits.maxBindingBytes) throw outOfMemory(label, size, `at most ${this.limits.maxBindingBytes}`);
    const kind = usage === "storage" ? GPUBufferUsage.STORAGE : GPUBufferUsage.UNIFORM;
    this.device.pushErrorScope("out-of-memory");
    const buffer = this.device.createBuffer({
      label,
      size,
      usage: kind | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
    const error = await this.settled(this.device.popErrorScope());
    if (error) throw outOfMemory(label, size, error.message);
    return buffer;
  }

  /** A buffer that holds `data`. */
  async bufferOf(label: string, data: Float32Array): Promise<GPUBuffer> {
    const buffer = await this.buffer(label, data.length);
    this.write(buffer, data);
    return buffer;
  }

  write(buffer: GPUBuffer, data: Float32Array | Uint32Array | Int32Array, atFloat = 0): void {
    if (data.length > 0) {
      this.work.bytesWritten += data.byteLength;
      this.queue.writeBuffer(buffer, atFloat * 4, data as BufferSource as ArrayBufferView<ArrayBuffer>);
    }
  }

  /**
   * Compiles each kernel (once a text) and binds its buffers. The `places` buffer holds what the kernels read as
   * `place`; it is theirs to keep as long as the dispatches are used.
   */
  async prepare(dispatches: readonly Dispatch[]): Promise<{ prepared: PreparedDispatch[]; places: GPUBuffer }> {
    const places = await this.buffer("places", dispatches.length * PLACE_FLOATS, "uniform");
    const values = new Uint32Array(dispatches.length * PLACE_FLOATS);
    dispatches.forEach(({ kernel }, i) => values.set(kernel.place, i * PLACE_FLOATS));
    this.write(places, values);
    const prepared = dispatches.map(({ kernel, buffers, control, workgroups }, i) => {
      const pipeline = this.pipelineOf(kernel);
      const place = { buffer: places, offset: i * PLACE_FLOATS * 4, size: 4 * PLACE_FLOATS };
      const resources: GPUBufferBinding[] = buffers.map((buffer) => ({ buffer }));
      resources.unshift({ buffer: control, size: CONTROL_BYTES });
      if (kernel.place.length > 0) resources.push(place);
      const bindGroup = this.device.createBindGroup({
        label: kernel.label,
        layout: pipeline.getBindGroupLayout(0),
        entries: resources.map((resource, binding) => ({ binding, resource })),
      });
      return { pipeline, bindGroup, workgroups };
    });
    return { prepared, places };
  }

  /** One submission: every dispatch in order, each seeing what those before it wrote. */
  submit(runs: readonly DispatchRun[]): void {
    this.check();
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { dispatches, n, control } of runs) {
      for (const { pipeline, bindGroup, workgroups } of dispatches) {
        const [x, y, z] = workgroups(n);
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup, [control]);
        pass.dispatchWorkgroups(x, y, z);
      }
      this.work.dispatches += dispatches.length;
    }
    pass.end();
    this.queue.submit([encoder.finish()]);
    this.work.submissions++;
  }

  /** Copies whole buffers on the device, after all that was submitted before. */
  copy(pairs: readonly { from: GPUBuffer; to: GPUBuffer }[]): void {
    this.check();
    const encoder = this.device.createCommandEncoder();
    for (const { from, to } of pairs) encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
    this.queue.submit([encoder.finish()]);
    this.work.submissions++;
  }

  /** Resolves when all that was submitted before this call has been done. */
  async done(): Promise<void> {
    await this.settled(this.queue.onSubmittedWorkDone());
    this.check();
  }

  /** Reads the first floats of each buffer, as they are after all that was submitted before this call. */
  async read(parts: readonly BufferPart[]): Promise<Float32Array[]> {
    this.check();
    const floats = parts.reduce((sum, part) => sum + part.floats, 0);
    if (floats === 0) return parts.map(() => new Float32Array());
    const readBack = this.openReadBack(floats);
    readBack.take(parts);
    return (await readBack.values())[0];
  }

  /** Memory for so many floats, at least one, that several results are copied to and that is read once. */
  openReadBack(floats: number): ReadBack {
    this.check();
    const size = floats * 4;
    this.device.pushErrorScope("out-of-memory");
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging = this.device.createBuffer({ label: "read back", size, usage });
    const allocated = this.device.popErrorScope();
    allocated.catch(() => {}); // awaited by values()
    const taken: { from: number; floats: number }[][] = [];
    let used = 0;
    const take = (parts: readonly BufferPart[]) => {
      const encoder = this.device.createCommandEncoder();
      taken.push(parts.map(({ buffer, floats }) => {
        const from = used;
        if (floats > 0) encoder.copyBufferToBuffer(buffer, 0, staging, from * 4, floats * 4);
        used += floats;
        return { from, floats };
      }));
      this.queue.submit([encoder.finish()]);
      this.work.submissions++;
    };
    const values = async () => {
      this.work.readBacks++;
      this.work.bytesRead += used * 4;
      const mapped = staging.mapAsync(GPUMapMode.READ);
      mapped.catch(() => {}); // awaited below, after what may have failed first
      const error = await this.settled(allocated);
      if (error) throw outOfMemory("read back", size, error.message);
      await this.settled(mapped);
      this.check();
      const all = new Float32Array(staging.getMappedRange());
      const results = taken.map((parts) => parts.map(({ from, floats }) => all.slice(from, from + floats)));
      staging.unmap();
      staging.destroy();
      return results;
    };
    return { take, values };
  }

  close(): void {
    this.closed = true;
    this.device.destroy();
  }

  /** Throws what went wrong with the device since the last look, if anything did. */
  check(): void {
    if (this.closed) throw new LoopscopeError("unavailable", "gpu_lost", `GPU engine was closed: ${REMEDY}`);
    if (this.fault) throw this.fault;
  }

  private pipelineOf(kernel: Kernel): GPUComputePipeline {
    const key = kernel.code;
    const known = this.pipelines.get(key);
    if (known) return known;
    const visibility = GPUShaderStage.COMPUTE;
    const entries = bindingTypes(kernel).map((buffer, binding) => ({ binding, visibility, buffer }));
    const layout = this.device.createPipelineLayout({
      bindGroupLayouts: [this.device.createBindGroupLayout({ entries })],
    });
    const module = this.device.createShaderModule({ label: kernel.label, code: kernel.code });
    const pipeline = this.device.createComputePipeline({ label: kernel.label, layout, compute: { module } });
    this.pipelines.set(key, pipeline);
    return pipeline;
  }

  /** The promise's value; or the error of a lost device, or of one that has not answered in time. */
  private async settled<T>(promise: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const watchdog = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const seconds = this.timeoutMs / 1000;
        reject(this.fail("gpu_hung", `GPU has not answered for ${seconds} s: ${REMEDY}`));
      }, this.timeoutMs);
    });
    try {
      return await Promise.race([promise, this.lost, watchdog]);
    } catch (cause) {
      throw this.fault ?? (cause instanceof LoopscopeError ? cause : faultOf(cause as Error));
    } finally {
      clearTimeout(timer);
    }
  }

  private fail(code: string, message: string): LoopscopeError {
    return this.fault ??= new LoopscopeError("unavailable", code, message);
  }
}

function faultOf(error: { message: string }): LoopscopeError {
  if (typeof GPUOutOfMemoryError === "function" && error instanceof GPUOutOfMemoryError) {
    return outOfMemory("a buffer", undefined, error.message);
  }
  return new LoopscopeError("unavailable", "gpu_failed", `GPU refused its work (${error.message}): ${REMEDY}`);
}

function outOfMemory(label: string, bytes: number | undefined, reason: string): LoopscopeError {
  const size = bytes === undefined ? "" : ` of ${bytes} bytes`;
  const remedy = "take a smaller mini-batch, region or network, or choose LOOPSCOPE_ENGINE=wasm";
  return new LoopscopeError("unavailable", "gpu_memory", `GPU has no room for ${label}${size} (${reason}): ${remedy}`);
}
