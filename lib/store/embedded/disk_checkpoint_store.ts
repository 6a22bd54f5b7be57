import { createHash } from "node:crypto";
import type { CheckpointStore } from "../ports/checkpoint_store.ts";
import type { DataFolder } from "./data_folder.ts";
import { onDisk } from "../disk_error.ts";
import { entriesIn, exists, syncFolder, writeLargeFileDurably } from "../durable.ts";

const DIGEST_BYTES = 32;

/**
 * The last checkpoint of each unfinished job, replaced whole or not at all: the SHA-256 of the bytes, then the bytes, so
 * that one that was damaged on the disk counts as absent and the job starts again.
 */
export class DiskCheckpointStore implements CheckpointStore {
  constructor(private readonly folder: DataFolder) {}

  /** Durable when it resolves. Throws `disk_full` and keeps the previous one. */
  async save(job: string, bytes: Uint8Array): Promise<void> {
    const path = this.folder.jobPath(job);
    if (!exists(path)) {
      onDisk(() => Deno.mkdirSync(path));
      syncFolder(`${this.folder.root}/jobs`);
    }
    await writeLargeFileDurably(`${path}/checkpoint`, [digest(bytes), bytes]);
  }

  /** Undefined where there is none that is whole. */
  async load(job: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = `${this.folder.jobPath(job)}/checkpoint`;
    if (!exists(path)) return undefined;
    const content = await Deno.readFile(path);
    const bytes = content.slice(DIGEST_BYTES);
    return digest(bytes).every((byte, i) => byte === content[i]) ? bytes : undefined;
  }

  /** Jobs whose checkpoint is not whole. */
  async damaged(): Promise<string[]> {
    const jobs = entriesIn(`${this.folder.root}/jobs`).map(({ name }) => name);
    const found: string[] = [];
    for (const job of jobs) {
      if (exists(`${this.folder.jobPath(job)}/checkpoint`) && !(await this.load(job))) found.push(job);
    }
    return found;
  }

  remove(job: string): Promise<void> {
    return this.folder.discard(this.folder.jobPath(job));
  }
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
