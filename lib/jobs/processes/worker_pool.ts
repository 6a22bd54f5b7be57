import { LoopscopeError } from "../../base/errors.ts";
import type { ResultTree } from "../../base/nd_array.ts";
import { FairQueue } from "./fair_queue.ts";
import { type CallOptions, WORKER_REPLACED, type WorkerOptions, WorkerProcess } from "./worker_process.ts";

export interface PoolOptions {
  /** Called at each start of a process. */
  worker: () => WorkerOptions;
  /** Number of processes at most. */
  size: number;
  /** Calls that one process works on at a time. */
  callsPerWorker: number;
  /** Calls that may wait for a process; one more is refused with `busy`. */
  maxWaiting: number;
  /** Called when a process ends unexpectedly. */
  onLost?: (reason: string, code: number) => void;
}

export interface PoolCallOptions extends CallOptions {
  /** Waiting calls are served round-robin by caller. */
  caller?: string;
  /** For work that was accepted earlier, such as a job: it goes first and is never refused. */
  promised?: boolean;
}

interface Waiting {
  start(worker: WorkerProcess): void;
  reject(error: Error): void;
}

/** Delay before starting a process is tried again, for accepted work. */
const START_RETRY_MS = 1000;

/** Error code of a call that was refused because the queue is full. */
export const BUSY = "busy";

/**
 * Worker processes that start on demand and are replaced when they die. When one is killed because a cancelled call
 * did not end, its other calls are repeated. Calls beyond the capacity wait in a bounded queue, served round-robin by
 * caller; a call whose caller has gone leaves it without being started. When the queue is full, the caller with the
 * most waiting calls loses the newest of them to a caller with fewer. Accepted work is never refused.
 */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #workers = new Set<WorkerProcess>();
  readonly #waiting = new FairQueue<Waiting>();
  readonly #promised = new FairQueue<Waiting>();
  #closed = false;
  #later?: ReturnType<typeof setTimeout>;
  /** Processes that have ended unexpectedly. */
  lost = 0;
  /** Of these, processes that were found frozen and killed. */
  frozen = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#promised.size + this.#waiting.size;
  }

  get busy(): number {
    return [...this.#workers].reduce((sum, worker) => sum + worker.busy, 0);
  }

  /** Whether a process has sent no heartbeat for some seconds. */
  get suspected(): boolean {
    return [...this.#workers].some((worker) => worker.suspected);
  }

  async call(method: string, value: ResultTree, options: PoolCallOptions = {}): Promise<ResultTree> {
    while (true) {
      const worker = (this.waiting === 0 && this.#freeFor(options)) || await this.#wait(options);
      try {
        return await worker.call(method, value, options);
      } catch (error) {
        if ((error as LoopscopeError).code !== WORKER_REPLACED) throw error;
      } finally {
        this.#next();
      }
    }
  }

  /** Throws `busy` where the next call of this caller would; check it before preparing an expensive call. */
  requireCapacity(caller = ""): void {
    if (this.#waiting.size < this.#options.maxWaiting) return;
    const [, most] = this.#waiting.longest();
    if (most <= this.#waiting.countOf(caller) + 1) throw this.#busy();
  }

  /** Starts one process before the first call. */
  warm(): void {
    if (this.#workers.size === 0) this.#start();
  }

  async close(graceMs?: number): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#later);
    for (const queue of [this.#promised, this.#waiting]) for (const call of queue.drain()) call.reject(stopping());
    await Promise.all([...this.#workers].map((worker) => worker.close(graceMs)));
  }

  /** Kills every process: their calls fail with `worker_lost`, and the next call starts new ones. */
  killAll(): void {
    for (const worker of this.#workers) worker.kill();
  }

  /** Like `#free`, but accepted work waits where no process can be started. */
  #freeFor({ promised }: PoolCallOptions): WorkerProcess | undefined {
    try {
      return this.#free();
    } catch (error) {
      if (this.#closed || !promised) throw error;
      this.#tryLater();
      return undefined;
    }
  }

  #tryLater(): void {
    this.#later ??= setTimeout(() => {
      this.#later = undefined;
      this.#next();
    }, START_RETRY_MS);
  }

  #free(): WorkerProcess | undefined {
    if (this.#closed) throw stopping();
    const candidates = [...this.#workers].filter((worker) =>
      worker.alive && worker.busy < this.#options.callsPerWorker
    );
    candidates.sort((a, b) => a.busy - b.busy);
    const best = candidates[0];
    if (best?.busy === 0 || this.#workers.size >= this.#options.size) return best;
    try {
      return this.#start();
    } catch (error) {
      if (this.#workers.size === 0) throw error;
      return best; // no resources for another process: use the existing ones
    }
  }

  #start(): WorkerProcess {
    const worker = new WorkerProcess({ ...this.#options.worker(), onFree: () => this.#next() });
    this.#workers.add(worker);
    void worker.ended.then((status) => {
      this.#workers.delete(worker);
      if (!this.#closed) {
        this.lost++;
        if (worker.frozen !== undefined) this.frozen++;
        this.#options.onLost?.(worker.frozen ?? status.signal ?? `code ${status.code}`, status.code);
      }
      this.#next();
    });
    return worker;
  }

  #wait({ signal, caller = "", promised = false }: PoolCallOptions): Promise<WorkerProcess> {
    if (this.#closed) throw stopping();
    if (signal?.aborted) throw cancelled();
    const queue = promised ? this.#promised : this.#waiting;
    if (!promised) this.#makeRoom(caller);
    const { promise, resolve, reject } = Promise.withResolvers<WorkerProcess>();
    const leave = () => {
      queue.remove(caller, waiting);
      reject(cancelled());
    };
    const waiting = {
      start: (worker: WorkerProcess) => {
        signal?.removeEventListener("abort", leave);
        resolve(worker);
      },
      reject,
    };
    queue.push(caller, waiting);
    signal?.addEventListener("abort", leave, { once: true });
    return promise;
  }

  #makeRoom(caller: string): void {
    this.requireCapacity(caller);
    if (this.#waiting.size < this.#options.maxWaiting) return;
    const refusal = this.#busy();
    this.#waiting.popLongest()?.reject(refusal);
  }

  #busy(): LoopscopeError {
    const detail = `${this.#waiting.size} calls are waiting; expected at most ${this.#options.maxWaiting}`;
    return new LoopscopeError("unavailable", BUSY, detail, { retryAfterS: 1 });
  }

  #next(): void {
    while (this.waiting > 0 && !this.#closed) {
      let worker: WorkerProcess | undefined;
      try {
        worker = this.#free();
      } catch (error) {
        // No process runs and none can be started: nothing would ever wake the waiting calls.
        for (const call of this.#waiting.drain()) call.reject(error as Error);
        return this.waiting > 0 ? this.#tryLater() : undefined;
      }
      if (!worker) return;
      (this.#promised.shift() ?? this.#waiting.shift())?.start(worker);
      // The call registers as busy in a microtask; one start a turn keeps the count right.
      queueMicrotask(() => queueMicrotask(() => this.#next()));
      return;
    }
  }
}

function cancelled(): LoopscopeError {
  return new LoopscopeError("cancelled", "cancelled", "The call was cancelled");
}

function stopping(): LoopscopeError {
  return new LoopscopeError("unavailable", "stopping", "The service is stopping", { retryAfterS: 5 });
}
