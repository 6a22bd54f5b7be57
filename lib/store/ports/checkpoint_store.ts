/** The last checkpoint of each unfinished job, replaced as a whole or not at all. */
export interface CheckpointStore {
  /** Durable when it resolves. Throws `disk_full` and keeps the previous one. */
  save(job: string, bytes: Uint8Array): Promise<void>;
  /** Undefined where there is none that is intact. */
  load(job: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  remove(job: string): Promise<void>;
}
