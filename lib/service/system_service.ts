import type { ResultTree } from "../base/nd_array.ts";
import type { LoopscopeError } from "../base/errors.ts";
import type { WorkerPool } from "../jobs/processes/worker_pool.ts";
import type { SystemService } from "./services.ts";

export interface SystemServiceOptions {
  version: string;
  compute: WorkerPool;
  limits: { [name: string]: ResultTree };
}

/** A graphics driver can hang at the first question; then the service says so instead of never starting. */
const START_TIMEOUT_MS = 120_000;

/** What the compute process says of itself, and whether this service takes work. */
export class ServiceState implements SystemService {
  #engine: ResultTree;
  #engines: ResultTree = [];
  #draining = false;

  constructor(private readonly options: SystemServiceOptions) {}

  /** Asks the compute process for its engine; rejects when it cannot be had. */
  async start(): Promise<{ name: string; device: string; threads: number }> {
    try {
      return await this.#ask();
    } catch (error) {
      if ((error as LoopscopeError).code !== "worker_lost") throw error;
      // A GPU that fails at its first work ends the process; the next one does without it.
      return await this.#ask();
    }
  }

  /** After the compute process has changed its engine; keeps what is known where it cannot be asked. */
  async refresh(): Promise<void> {
    await this.#ask().catch(() => {});
  }

  async #ask(): Promise<{ name: string; device: string; threads: number }> {
    const { engine, engines } = await this.options.compute.call("describe", null, { timeoutMs: START_TIMEOUT_MS }) as {
      [key: string]: ResultTree;
    };
    this.#engine = engine;
    this.#engines = engines;
    return engine as unknown as { name: string; device: string; threads: number };
  }

  /** From now on `readyz` says 503. */
  drain(): void {
    this.#draining = true;
  }

  describe(): ResultTree {
    const { version, limits } = this.options;
    return { version, engine: this.#engine, engines: this.#engines, limits };
  }

  ready(): { ready: boolean; reason?: string } {
    if (this.#draining) return { ready: false, reason: "The service is stopping" };
    return this.#engine === undefined ? { ready: false, reason: "The compute process is starting" } : { ready: true };
  }

  healthy(): { ready: boolean; reason?: string } {
    if (!this.options.compute.suspected) return this.ready();
    return { ready: false, reason: "The compute process does not answer" };
  }
}
