import { setImmediate } from "node:timers";
import { withTimeout } from "../../base/timeouts.ts";

/** Counts those who are inside, so that others may wait until nobody is. */
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

  /** Lets those in who stand at the door, then waits until nobody is inside, for so long at most. */
  async quiet(mostMs: number): Promise<void> {
    const untilMs = performance.now() + mostMs;
    await nextTurn();
    for (let leftMs = mostMs; this.#inside > 0 && leftMs > 0; leftMs = untilMs - performance.now()) {
      await withTimeout(this.#leave.promise, leftMs);
      await nextTurn();
    }
  }
}

/** Timers, then what has arrived, then answers that are to be written. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setImmediate(resolve));
}
