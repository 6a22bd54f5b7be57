import type { CheckpointStore } from "../ports/checkpoint_store.ts";
import { getObject, listObjects, putObject, removeObject, removeObjects } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";

/** Objects `jobs/JOB/ATTEMPT`: what a process saves that lost the job never replaces what a later attempt saved. */
export class S3CheckpointStore implements CheckpointStore {
  constructor(private readonly bucket: S3Bucket) {}

  async save(job: string, bytes: Uint8Array, attempt = 0): Promise<void> {
    await putObject(this.bucket, `${folderOf(job)}${String(attempt).padStart(10, "0")}`, new Uint8Array(bytes));
  }

  async load(job: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const objects = await Array.fromAsync(listObjects(this.bucket, folderOf(job)));
    const last = objects.at(-1);
    return last && await getObject(this.bucket, last.key);
  }

  async remove(job: string): Promise<void> {
    await removeObjects(this.bucket, folderOf(job));
  }

  /** Removes what jobs left that are not among those that may still go on. */
  async sweep(unfinishedAmong: (jobs: string[]) => Promise<string[]>): Promise<number> {
    const objects = await Array.fromAsync(listObjects(this.bucket, "jobs/"));
    const jobOf = (key: string) => key.split("/")[1];
    const unfinished = new Set(await unfinishedAmong([...new Set(objects.map(({ key }) => jobOf(key)))]));
    const left = objects.filter(({ key }) => !unfinished.has(jobOf(key)));
    for (const { key } of left) await removeObject(this.bucket, key);
    return left.length;
  }
}

function folderOf(job: string): string {
  return `jobs/${job}/`;
}
