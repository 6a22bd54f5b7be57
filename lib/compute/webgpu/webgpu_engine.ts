import { LoopscopeError } from "../../base/errors.ts";
import type { Engine } from "../engine.ts";
import { GpuDevice } from "./gpu_device.ts";
import type { GpuLimits } from "./gpu_device.ts";
import { WebgpuSession } from "./webgpu_session.ts";

export interface WebgpuOptions {
  /** A device that has not answered for so long counts as hung. */
  timeoutMs?: number;
  /** Largest buffer of a tile of an image that is encoded whole. */
  tileBytes?: number;
}

export interface WebgpuEngine extends Engine {
  /** What the device was given to do since it was opened. */
  readonly work: Readonly<GpuDevice["work"]>;
}

/** What `navigator.gpu` offers: an adapter in words, whether it only renders on the CPU, or why there is none. */
export type WebgpuProbe =
  | { readonly available: true; readonly device: string; readonly onCpu: boolean; readonly adapter: GPUAdapter }
  | { readonly available: false; readonly reason: string };

/** Asks for the fastest adapter; never throws. */
export async function probeWebgpu(): Promise<WebgpuProbe> {
  if (!navigator.gpu) {
    return { available: false, reason: "WebGPU is not enabled: run Deno with --unstable-webgpu" };
  }
  let adapter: GPUAdapter | null;
  try {
    avoidOpenGl();
    adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    return { available: false, reason: `WebGPU failed: ${(error as Error).message}` };
  }
  if (!adapter) {
    const remedy = "install the GPU's Vulkan driver (on Debian, mesa-vulkan-drivers or the vendor's)";
    return { available: false, reason: `No GPU adapter was found: ${remedy}` };
  }
  const reason = tooSmall(adapter.limits);
  if (reason) return { available: false, reason };
  const { info } = adapter;
  const device = info.description || info.device || info.vendor || "GPU without a name";
  return { available: true, device, onCpu: isCpuRenderer(info), adapter };
}

/**
 * Opens the engine on the fastest adapter, also one that renders on the CPU (slow, but right).
 * @throws unavailable `engine_unavailable` with the reason and the remedy
 */
export async function openWebgpuEngine(
  { timeoutMs = 120_000, tileBytes = 64 * 2 ** 20 }: WebgpuOptions = {},
): Promise<WebgpuEngine> {
  const probe = await probeWebgpu();
  if (!probe.available) throw unavailable(probe.reason);
  const gpu = await openDevice(probe.adapter, { timeoutMs, tileBytes });
  return {
    name: "webgpu",
    device: probe.device,
    threads: 1,
    work: gpu.work,
    open: (network, state, options = {}) => WebgpuSession.open(gpu, network, state, options),
    close: () => Promise.resolve(gpu.close()),
  };
}

/**
 * Where no Vulkan driver is, Deno would fall back to OpenGL, and there drivers were seen to hang in compute shaders, in a call
 * that no timer can interrupt. Deno reads this once, at the first request for an adapter.
 */
function avoidOpenGl(): void {
  if (Deno.env.get("DENO_WEBGPU_BACKEND") === undefined) Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan,metal,dx12");
}

/** As much room as the adapter has; everything else as every WebGPU device has it. */
async function openDevice(adapter: GPUAdapter, { timeoutMs, tileBytes }: Required<WebgpuOptions>): Promise<GpuDevice> {
  const { limits } = adapter;
  const maxBindingBytes = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredLimits: {
        maxBufferSize: limits.maxBufferSize,
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      },
    });
  } catch (error) {
    throw unavailable(`The GPU could not be opened (${(error as Error).message}): restart the service`);
  }
  return new GpuDevice(device, { threads: threadsOf(device.limits), maxBindingBytes, tileBytes }, timeoutMs);
}

function threadsOf(limits: GPUSupportedLimits): GpuLimits["threads"] {
  const most = Math.min(256, limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  return 2 ** Math.floor(Math.log2(most));
}

/** What the kernels count on; every adapter that keeps to WebGPU's default limits has it. */
function tooSmall(limits: GPUSupportedLimits): string | undefined {
  const wanted = {
    maxComputeInvocationsPerWorkgroup: 128,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupsPerDimension: 65535,
  };
  for (const [name, least] of Object.entries(wanted)) {
    const met = limits[name as keyof typeof wanted];
    if (met < least) return `The GPU adapter is too small: ${name} is ${met}; expected at least ${least}`;
  }
  return undefined;
}

function isCpuRenderer(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|software|basic render/i.test(info.description);
}

function unavailable(reason: string): LoopscopeError {
  return new LoopscopeError("unavailable", "engine_unavailable", `Engine webgpu is not available: ${reason}`);
}
