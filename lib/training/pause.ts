import { LoopscopeError } from "../base/errors.ts";

/** Lets whatever else waits (predictions, messages) go first; throws `cancelled` once the signal fires. */
export type Pause = () => Promise<void>;

/** One turn of the event loop. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * A pause that costs nothing until `sliceMs` have passed since the last one, so that it may be called often. `yieldToPredictions`
 * resolves when the work may go on.
 */
export function createPause(
  signal: AbortSignal | undefined,
  nowMs: () => number,
  sliceMs = 40,
  yieldToPredictions: () => Promise<void> = nextTurn,
): Pause {
  let lastMs = nowMs();
  return async () => {
    throwIfCancelled(signal);
    if (nowMs() - lastMs < sliceMs) return;
    await yieldToPredictions();
    lastMs = nowMs();
    throwIfCancelled(signal);
  };
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LoopscopeError("cancelled", "cancelled", "The work was stopped before its end");
}
