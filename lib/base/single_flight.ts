import { LoopscopeError } from "./errors.ts";

interface Running<T> {
  promise: Promise<T>;
  controller: AbortController;
  waiters: number;
}

/**
 * Runs the same work once for all callers that ask for it at the same time, and stops it when the last of them has gone.
 */
export class SingleFlight<T> {
  readonly #running = new Map<string, Running<T>>();

  /** Joins the work of this key or begins it; rejects with `cancelled` when this caller's signal fires. */
  async join(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) throw cancelled();
    const work = this.#running.get(key) ?? this.#begin(key, begin);
    work.waiters++;
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(cancelled());
    signal.addEventListener("abort", onAbort);
    try {
      return await Promise.race([work.promise, gone]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (--work.waiters === 0) this.#stop(key, work);
    }
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const work: Running<T> = { promise: begin(controller.signal), controller, waiters: 0 };
    work.promise.catch(() => {}).then(() => this.#stop(key, work));
    this.#running.set(key, work);
    return work;
  }

  /** Later calls start the work again. */
  #stop(key: string, work: Running<T>): void {
    if (this.#running.get(key) === work) this.#running.delete(key);
    work.controller.abort();
  }
}

function cancelled(): LoopscopeError {
  return new LoopscopeError("cancelled", "cancelled", "The caller has gone");
}
