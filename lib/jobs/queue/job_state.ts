import type { JobState } from "../../schemas/job.ts";

export interface JobStatus {
  state: JobState;
  /** How often a worker died under this job. */
  attempts: number;
  error?: { code: string; detail: string };
}

export type JobAction =
  | { type: "start" }
  | { type: "epoch" }
  | { type: "succeed" }
  | { type: "fail"; code: string; detail: string }
  | { type: "cancel" }
  /** The process that ran the job has died: tried once more, then given up. */
  | { type: "workerLost"; detail: string }
  /** The service stopped or was killed under the job, which is not the job's fault: it goes on from its checkpoint. */
  | { type: "restart" };

/** A job that has killed this many workers is failed and not tried again. */
export const MAX_WORKERS_LOST = 2;

const FINISHED: readonly JobState[] = ["succeeded", "failed", "cancelled"];

export function isFinished(state: JobState): boolean {
  return FINISHED.includes(state);
}

/** The status after an action, or undefined where the action has no place in the state. Finished states are final. */
export function transition(status: JobStatus, action: JobAction): JobStatus | undefined {
  const { state, attempts } = status;
  if (state === "queued") {
    if (action.type === "start") return { state: "running", attempts };
    if (action.type === "cancel") return { state: "cancelled", attempts };
    return undefined;
  }
  if (state !== "running") return undefined;
  switch (action.type) {
    case "start":
      return undefined;
    case "epoch":
      return status;
    case "succeed":
      return { state: "succeeded", attempts };
    case "fail":
      return { state: "failed", attempts, error: { code: action.code, detail: action.detail } };
    case "cancel":
      return { state: "cancelled", attempts };
    case "restart":
      return { state: "queued", attempts };
    case "workerLost":
      return afterWorkerLost(attempts + 1, action.detail);
  }
}

function afterWorkerLost(attempts: number, detail: string): JobStatus {
  if (attempts < MAX_WORKERS_LOST) return { state: "queued", attempts };
  const error = { code: "worker_lost", detail: `The job ended its worker ${attempts} times: ${detail}` };
  return { state: "failed", attempts, error };
}
