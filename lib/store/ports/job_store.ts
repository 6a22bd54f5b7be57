import type { JobProgress, JobRecord, JobRequest, JobState } from "../../schemas/job.ts";
import type { Listing, ListingRequest } from "../paging.ts";

export interface NewJobEvent {
  event: "state" | "epoch" | "done";
  data: Record<string, unknown>;
}

/** An event as it is stored: its data are JSON text, sent to clients unchanged. */
export interface StoredJobEvent {
  /** Grows by one within a job. */
  sequence: number;
  event: NewJobEvent["event"];
  json: string;
}

/** Events returned at once: a training has tens of thousands, and many clients may watch it. */
export const EVENT_PAGE = 256;

/** Queued and running jobs of one caller. */
export interface ActiveJobs {
  jobs: number;
  training: number;
}

export interface JobAdmission {
  caller: string;
  /** 0 to 9, higher first. */
  priority: number;
  createdMs: number;
  /** A job with this key is created once: while the first is queued or running, or, with `dedupe: "ever"`, at all. */
  dedupeKey?: string;
  dedupe?: "unfinished" | "ever";
  /** Refuses the job in the same transaction where a cube or a trained model that it uses was removed. */
  requireUsed?: boolean;
  /** Called with the caller's active jobs in the transaction that inserts the job; what it throws refuses the job. */
  admit?: (active: ActiveJobs) => void;
}

/** Code of the error of a job that killed its workers. */
export const QUARANTINED = "worker_lost";
/** How long such a job is not created again. */
export const QUARANTINE_MS = 3600 * 1000;

/** What a transition may change; the request never does. */
export interface JobChanges {
  state?: JobState;
  startedMs?: number;
  finishedMs?: number;
  progress?: JobProgress;
  result?: JobRecord["result"];
  error?: JobRecord["error"];
  attempts?: number;
}

/** Records of jobs and their events. Every method is one transaction. */
export interface JobStore {
  /**
   * Creates a job and its first event, or returns the one that the dedupe key or the quarantine names instead. Atomic
   * with `admit` and, where `requireUsed`, with the removal of what the job uses: throws `cube_missing` where a cube is gone,
   * `version_missing` where a trained model version was removed.
   */
  insert(id: string, request: JobRequest, admission: JobAdmission): Promise<{ job: JobRecord; created: boolean }>;
  /** With the history of its epochs unless `bare`. */
  get(id: string, options?: { bare?: boolean }): Promise<JobRecord | undefined>;
  callerOf(id: string): Promise<string | undefined>;
  /** The job of the same request that was given up within the last hour because it killed its workers. */
  quarantined(request: JobRequest, nowMs: number): Promise<JobRecord | undefined>;
  /** The last job created with this `dedupeKey`, whatever its state. */
  submittedAs(dedupeKey: string): Promise<JobRecord | undefined>;
  list(page: ListingRequest & { state?: string }): Promise<Listing<JobRecord>>;
  /**
   * Compare-and-set: changes a job that is in `state` and appends events. Undefined, and nothing changed, when it is in
   * another state.
   */
  update(id: string, state: JobState, changes: JobChanges, events?: NewJobEvent[]): Promise<JobRecord | undefined>;
  /** The next events, at most `EVENT_PAGE`. */
  eventsAfter(id: string, sequence: number): Promise<StoredJobEvent[]>;
  /**
   * The job to run next among those kinds: highest priority; then the caller with fewest running jobs, then the one
   * served longest ago, then the oldest. It is claimed with `update`.
   */
  next(kinds: readonly JobRequest["kind"][]): Promise<JobRecord | undefined>;
  inState(state: JobState): Promise<string[]>;
  countByState(): Promise<Record<JobState, number>>;
  countActive(caller: string): Promise<ActiveJobs>;
  /** Queued or running jobs that use a cube, or a model as `name@version`. */
  activeUsing(use: { cube?: string; model?: string }): Promise<string[]>;
  /** Finished jobs whose webhook is still to be delivered. */
  unnotified(): Promise<JobRecord[]>;
  markNotified(id: string, nowMs: number): Promise<void>;
  /**
   * Removes jobs that finished before a time, and the oldest finished beyond `keep`; returns their ids. A job that made a
   * visitor's model is kept as long as the model, since it says when the model expires.
   */
  prune(options: { finishedBeforeMs: number; keep: number }): Promise<string[]>;
}
