import { setImmediate, setTimeout } from "node:timers";

/** Resolves when the caller may go on with its next piece of work. */
export type Yield = () => Promise<void>;

/** After this much work the system is asked for what has arrived. */
const WORK_MS = 2;

/**
 * Turns for pieces of work, first come first served: however many requests have more to do, what arrives meanwhile waits
 * for a few milliseconds only. Immediates alone would not do: while there are any, the runtime looks for input and
 * connections in one round out of some sixty.
 */
export function createScheduler(): Yield {
  const waiting: (() => void)[] = [];
  let lookedMs = -Infinity;
  function schedule(): void {
    if (performance.now() - lookedMs < WORK_MS) setImmediate(next);
    else setTimeout(look, 0);
  }
  function look(): void {
    lookedMs = performance.now();
    next();
  }
  function next(): void {
    waiting.shift()?.();
    if (waiting.length > 0) schedule();
  }
  return () =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) schedule();
    });
}
