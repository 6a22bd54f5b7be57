import { setImmediate } from "node:timers";

/** Waits for one's turn. */
export type Turn = () => Promise<void>;

/**
 * Turns for pieces of work, first come first served, one in each round of the event loop: however many requests have
 * more to do, what arrives meanwhile waits for one piece only.
 */
export function createTurns(): Turn {
  const waiting: (() => void)[] = [];
  const next = () => {
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(next);
  };
  return () => new Promise((resolve) => void (waiting.push(resolve) === 1 && setImmediate(next)));
}
