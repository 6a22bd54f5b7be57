import type { Engine } from "../../lib/compute/engine.ts";
import { openReferenceEngine } from "../../lib/compute/reference/reference_engine.ts";
import { openWasmEngine } from "../../lib/compute/wasm/wasm_engine.ts";

/** The engine of this name. Throws Error on one that is not known here. */
export async function openBenchEngine(name: string): Promise<Engine> {
  if (name === "wasm") return await openWasmEngine();
  if (name === "reference") return openReferenceEngine();
  throw new Error(`Engine is ${name}; expected wasm or reference`);
}
