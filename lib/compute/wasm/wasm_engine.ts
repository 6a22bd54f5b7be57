import { LoopscopeError } from "../../base/errors.ts";
import type { Network } from "../../../models/network.ts";
import type { Engine, NetworkState, Session, SessionOptions } from "../engine.ts";
import { checkState } from "../session_input.ts";
import { ThreadPool } from "./thread_pool.ts";
import { WasmSession } from "./wasm_session.ts";

export interface WasmEngineOptions {
  /** Threads in all, the caller's among them; default: one a core. */
  threads?: number;
  /** Which kernels; `auto` takes relaxed SIMD (fused multiply-add) where the runtime has it. */
  simd?: "auto" | "relaxed" | "plain";
}

/** More threads than this only wait for each other. */
const MAX_THREADS = 16;

/**
 * The CPU engine: AssemblyScript kernels over one shared memory. The calling thread computes too, so it is blocked for
 * the length of a call's work. Throws LoopscopeError `wasm_not_built` or `wasm_unsupported`.
 */
export async function openWasmEngine(options: WasmEngineOptions = {}): Promise<Engine> {
  const { variant, module } = await loadKernels(options.simd ?? "auto");
  const wanted = options.threads ?? navigator.hardwareConcurrency;
  const threads = typeof Worker === "undefined" ? 1 : Math.max(1, Math.min(MAX_THREADS, Math.floor(wanted)));
  if (typeof SharedArrayBuffer === "undefined") {
    throw new LoopscopeError("unavailable", "wasm_unsupported", "This runtime has no SharedArrayBuffer; expected one");
  }
  const pool = await ThreadPool.open(module, threads);
  return new WasmEngine(pool, `${threads} thread${threads === 1 ? "" : "s"}, ${variant} SIMD`);
}

class WasmEngine implements Engine {
  readonly name = "wasm";
  readonly threads: number;
  private readonly sessions = new Set<WasmSession>();
  private closed = false;

  constructor(private readonly pool: ThreadPool, readonly device: string) {
    this.threads = pool.threads;
  }

  open(network: Network, state: NetworkState, options: Partial<SessionOptions> = {}): Promise<Session> {
    return Promise.resolve().then(() => {
      if (this.closed) throw new LoopscopeError("conflict", "engine_closed", "The engine is closed");
      checkState(network, state, options.resume);
      const session = new WasmSession(this.pool, network, state, { trainBatch: 0, learningRate: 1e-3, ...options });
      session.onClose = () => this.sessions.delete(session);
      this.sessions.add(session);
      return session;
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([...this.sessions].map((session) => session.close()));
    this.pool.close();
  }
}

async function loadKernels(simd: "auto" | "relaxed" | "plain") {
  const variants = simd === "auto" ? ["relaxed", "plain"] as const : [simd];
  for (const variant of variants) {
    const bytes = await readKernels(variant);
    if (WebAssembly.validate(bytes)) return { variant, module: await WebAssembly.compile(bytes) };
  }
  const wanted = variants.join(" or ");
  throw new LoopscopeError(
    "unavailable",
    "wasm_unsupported",
    `This runtime cannot run the kernels; expected ${wanted} SIMD`,
  );
}

async function readKernels(variant: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(new URL(`build/${variant}.wasm`, import.meta.url));
  } catch (cause) {
    const message = `The kernels are not compiled (${variant}.wasm is absent): run \`deno task wasm\``;
    throw new LoopscopeError("unavailable", "wasm_not_built", message, { cause });
  }
}
