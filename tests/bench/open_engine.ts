import type { Engine } from "../../lib/compute/engine.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";
import { openWebgpuEngine } from "../../lib/compute/webgpu/webgpu_engine.ts";

/** The engine of this name. Throws Error on one that is not known here. */
export async function openBenchEngine(name: string, threads: number): Promise<Engine> {
  if (name === "wasm") return await openWasmEngine({ threads });
  if (name === "webgpu") return await openWebgpuEngine();
  if (name === "reference") return openReferenceEngine();
  throw new Error(`Engine is ${name}; expected wasm, webgpu or reference`);
}
