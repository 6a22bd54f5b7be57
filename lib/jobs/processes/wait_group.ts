import { setImmediate } from "node:timers";
import { withTimeout } from "../../base/timeouts.ts";

/** Counts running work, so that other work can wait until there is none. */
export class WaitGroup {
  #inside = 0;
  #leave = Promise.withResolvers<void>();

  async with<T>(run: () => Promise<T>): Promise<T> {
    this.#inside++;
    try {
      return await run();
    } finally {
      this.#inside--;
      this.#leave.resolve();
      this.#leave = Promise.withResolvers<void>();
    }
  }

  /** Lets work that is about to begin do so, then waits until none runs, for at most `mostMs`. */
  async quiet(mostMs: number): Promise<void> {
    const untilMs = performance.now() + mostMs;
    await nextTurn();
    for (let leftMs = mostMs; this.#inside > 0 && leftMs > 0; leftMs = untilMs - performance.now()) {
      await withTimeout(this.#leave.promise, leftMs);
      await nextTurn();
    }
  }
}

/** Runs due timers, then handles input that has arrived and output that can be written. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setImmediate(resolve));
}
