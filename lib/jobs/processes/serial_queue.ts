import { throwIfCancelled } from "../../training/pause.ts";

/**
 * A mutex with a first-in, first-out queue; work whose signal fires leaves the queue. Not `async-mutex` or `p-limit`:
 * their waiters take no AbortSignal.
 */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects with `cancelled` when the signal fires before the work has begun. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { promise: gone, reject } = Promise.withResolvers<never>();
    const leave = () => {
      try {
        throwIfCancelled(signal);
      } catch (error) {
        reject(error);
      }
    };
    signal?.addEventListener("abort", leave);
    const result = this.#last.then(() => {
      signal?.removeEventListener("abort", leave);
      throwIfCancelled(signal);
      return work();
    });
    this.#last = result.catch(() => {});
    return Promise.race([result, gone]);
  }
}
