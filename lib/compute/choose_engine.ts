import { LoopscopeError } from "../base/errors.ts";
import type { Engine, EngineName } from "./engine.ts";
import { measureCrossover } from "./measure_crossover.ts";
import { PairedEngine } from "./paired_engine.ts";

export interface EngineOptions {
  threads: number;
  log: (line: string) => void;
}

export interface EngineDescription {
  name: EngineName;
  available: boolean;
  /** Why not, and what to do about it; or, of an engine that is there, why `auto` does not take it. */
  reason?: string;
}

/** An engine that may be had: its library is loaded only by `look` and `open`. */
export interface Candidate {
  readonly name: EngineName;
  look(): Promise<{ available: boolean; reason?: string }>;
  open(options: EngineOptions): Promise<Engine>;
}

/** All engines, in the order in which `auto` prefers them. */
export function engineCandidates(): Candidate[] {
  return [
    {
      name: "webgpu",
      look: async () => {
        const probe = await (await import("./webgpu/webgpu_engine.ts")).probeWebgpu();
        if (!probe.available || !probe.onCpu) return probe;
        return {
          available: true,
          reason: `${probe.device} renders on the CPU: slow, taken only when asked for by name`,
        };
      },
      open: async (options) => {
        const gpu = await (await import("./webgpu/webgpu_engine.ts")).openWebgpuEngine();
        return await openPair(gpu, await (await import("./wasm/wasm_engine.ts")).openWasmEngine(options), options.log);
      },
    },
    {
      name: "wasm",
      look: () => Promise.resolve(missingForWasm()),
      open: async ({ threads }) => (await import("./wasm/wasm_engine.ts")).openWasmEngine({ threads }),
    },
    {
      name: "tensorflow",
      look: async () => {
        const missing = (await import("./tensorflow/load_tensorflow.ts")).missingTensorflow();
        if (missing) return { available: false, reason: missing };
        return { available: true, reason: "Taken only when asked for by name" };
      },
      open: async () => (await import("./tensorflow/tensorflow_engine.ts")).openTensorflowEngine(),
    },
    {
      name: "reference",
      look: () => Promise.resolve({ available: true, reason: "For tests: slow, taken only when asked for by name" }),
      open: async () => (await import("./reference/reference_engine.ts")).openReferenceEngine(),
    },
  ];
}

/**
 * Opens the engine asked for; `auto` takes webgpu where a GPU is, else wasm, and falls back to wasm where the GPU fails.
 * @throws unavailable `engine_unavailable` with the reason and the remedy
 */
export async function openEngine(
  name: EngineName | "auto",
  options: EngineOptions,
  candidates = engineCandidates(),
): Promise<Engine> {
  if (name === "auto") return await openFirst(options, candidates);
  const candidate = candidates.find((each) => each.name === name);
  const { available, reason } = await candidate?.look() ?? { available: false, reason: "there is no such engine" };
  if (available) return await candidate!.open(options);
  throw unavailable(`Engine ${name} is not available: ${reason}`);
}

/** All engines and whether they can be had here. */
export async function describeEngines(candidates = engineCandidates()): Promise<EngineDescription[]> {
  return await Promise.all(candidates.map(async ({ name, look }) => {
    const { available, reason } = await look();
    return { name, available, ...reason === undefined ? {} : { reason } };
  }));
}

/** The first candidate that is there without reservation and opens. */
async function openFirst(options: EngineOptions, candidates: readonly Candidate[]): Promise<Engine> {
  const reasons: string[] = [];
  for (const candidate of candidates) {
    const { available, reason } = await candidate.look();
    if (!available || reason) {
      reasons.push(`${candidate.name}: ${reason}`);
      continue;
    }
    try {
      return await candidate.open(options);
    } catch (error) {
      const { message } = error as Error;
      options.log(message);
      reasons.push(`${candidate.name}: ${message}`);
    }
  }
  throw unavailable(`No engine is available: ${reasons.join("; ")}`);
}

async function openPair(gpu: Engine, cpu: Engine, log: EngineOptions["log"]): Promise<Engine> {
  try {
    return new PairedEngine(gpu, await measureCrossover(gpu, cpu), log);
  } catch (error) {
    await gpu.close();
    await cpu.close();
    throw error;
  }
}

function missingForWasm(): { available: boolean; reason?: string } {
  if (typeof SharedArrayBuffer === "function") return { available: true };
  return { available: false, reason: "this runtime has no SharedArrayBuffer: run on Deno 2.9 or newer" };
}

function unavailable(message: string): LoopscopeError {
  return new LoopscopeError("unavailable", "engine_unavailable", message);
}
