/** The last checkpoint of each unfinished job, replaced as a whole or not at all. */
export interface CheckpointStore {
  /**
   * Durable when it resolves. Throws `disk_full` and keeps the previous one. Where several processes take jobs, `attempt`
   * grows each time that one takes this job: what a process that lost the job still saves stands behind later attempts.
   */
  save(job: string, bytes: Uint8Array, attempt?: number): Promise<void>;
  /** Undefined where there is none that is intact. */
  load(job: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  remove(job: string): Promise<void>;
}
