import { LoopscopeError } from "../base/errors.ts";
import type { Engine, EngineName } from "./engine.ts";

export interface EngineOptions {
  threads: number;
  log: (line: string) => void;
}

export interface EngineDescription {
  name: EngineName;
  available: boolean;
  /** Why not, and what to do about it. */
  reason?: string;
}

interface Candidate {
  /** Undefined when the engine can be opened. */
  missing(): Promise<string | undefined>;
  open(options: EngineOptions): Promise<Engine>;
}

const CANDIDATES: Record<string, Candidate> = {
  wasm: {
    missing: () => Promise.resolve(undefined),
    open: async (options) => (await import("./wasm/wasm_engine.ts")).openWasmEngine(options),
  },
  reference: {
    missing: () => Promise.resolve(undefined),
    open: async () => (await import("./reference/reference_engine.ts")).openReferenceEngine(),
  },
};

/** Opens the engine asked for. Throws `engine_unavailable` with the reason and the remedy. */
export async function openEngine(name: EngineName | "auto", options: EngineOptions): Promise<Engine> {
  const wanted = name === "auto" ? "wasm" : name;
  const reason = await CANDIDATES[wanted].missing();
  if (reason) throw new LoopscopeError("unavailable", "engine_unavailable", `Engine ${wanted} is not available: ${reason}`);
  return await CANDIDATES[wanted].open(options);
}

/** All engines and whether they can be had here. */
export async function describeEngines(): Promise<EngineDescription[]> {
  return await Promise.all(Object.entries(CANDIDATES).map(async ([name, candidate]) => {
    const reason = await candidate.missing();
    return { name: name as EngineName, available: reason === undefined, reason };
  }));
}
