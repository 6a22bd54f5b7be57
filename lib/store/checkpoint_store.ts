import type { DataFolder } from "./data_folder.ts";
import { onDisk } from "./disk_error.ts";
import { exists, syncFolder, writeLargeFileDurably } from "./durable.ts";

/** The last checkpoint of each unfinished job, replaced whole or not at all. */
export class CheckpointStore {
  constructor(private readonly folder: DataFolder) {}

  /** Durable when it resolves. Throws `disk_full` and keeps the previous one. */
  async save(job: string, bytes: Uint8Array): Promise<void> {
    const path = this.folder.jobPath(job);
    if (!exists(path)) {
      onDisk(() => Deno.mkdirSync(path));
      syncFolder(`${this.folder.root}/jobs`);
    }
    await writeLargeFileDurably(`${path}/checkpoint`, bytes);
  }

  async load(job: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = `${this.folder.jobPath(job)}/checkpoint`;
    return exists(path) ? await Deno.readFile(path) : undefined;
  }

  remove(job: string): Promise<void> {
    return this.folder.discard(this.folder.jobPath(job));
  }
}
