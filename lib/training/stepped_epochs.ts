import type { EpochQueue, EpochResult, EvaluationSet, Session } from "../compute/engine.ts";
import type { Pause } from "./pause.ts";
import { sessionLoss } from "./session_loss.ts";

/** Work given to the engine at once; a prediction waits at most about this long. */
const SLICE_MS = 40;
const MOST_STEPS_AT_ONCE = 64;

/** Epochs of an engine that computes while it is called: a few steps at a time, one epoch after another. */
export function steppedEpochs(session: Session, nowMs: () => number): EpochQueue {
  let sets: readonly EvaluationSet[] = [];
  return {
    ahead: 0,
    setEvaluationSets(given) {
      sets = given;
      return Promise.resolve();
    },
    async run(batches, pause): Promise<EpochResult> {
      const steps = await runSteps(session, batches, pause, nowMs);
      const evaluations: number[] = [];
      // Nothing is worth measuring after a step that failed.
      for (const set of sets) evaluations.push(isFinite(steps) ? await sessionLoss(session, set, pause) : NaN);
      const state = await session.state();
      return { losses: { steps, evaluations }, snapshot: { read: () => Promise.resolve(state), release() {} } };
    },
  };
}

/** The loss of each step; NaN from the first that is not finite, where it stops. */
async function runSteps(
  session: Session,
  batches: readonly Int32Array[],
  pause: Pause,
  nowMs: () => number,
): Promise<Float64Array> {
  const losses = new Float64Array(batches.length).fill(NaN);
  let atOnce = 1;
  for (let first = 0; first < batches.length;) {
    const group = batches.slice(first, first + atOnce);
    const startedMs = nowMs();
    const met = await session.trainSteps(group);
    const stepMs = Math.max(0.5, (nowMs() - startedMs) / group.length);
    losses.set(met, first);
    if (!isFinite(met)) return losses;
    first += group.length;
    atOnce = Math.max(1, Math.min(MOST_STEPS_AT_ONCE, Math.floor(SLICE_MS / stepMs)));
    await pause();
  }
  return losses;
}

function isFinite(losses: Float64Array): boolean {
  return losses.every(Number.isFinite);
}
