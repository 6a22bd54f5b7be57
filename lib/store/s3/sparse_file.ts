import { LoopscopeError } from "../../base/errors.ts";
import { onDisk } from "../disk_error.ts";
import { writeAll } from "../durable.ts";
import { getObject, PART_BYTES } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";

/** What is known to be there, or not, together. */
const BLOCK_BYTES = 32 * 2 ** 10;
/** A request takes about as long as so many bytes: they are read along where that saves one. */
const GAP_BLOCKS = 8;
const MOST_BLOCKS = PART_BYTES / BLOCK_BYTES;

/** Bytes `start` to `end`, the last one not counted. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface SparseFileOptions {
  key: string;
  path: string;
  sizeBytes: number;
  /** What `have` of an earlier use of the file was; where it is not given, the file is made and is empty. */
  have?: Uint8Array;
  /** Throws when the disk should not take so many bytes more. */
  beforeWrite?: (bytes: number) => Promise<void>;
}

/** A local file into which ranges of an object are read when they are first needed, each once. */
export class SparseFile {
  /** 1 for each block that is there. */
  readonly have: Uint8Array;
  readonly #file: Deno.FsFile;
  readonly #coming = new Map<number, Promise<void>>();
  #left: number;

  constructor(private readonly bucket: S3Bucket, private readonly options: SparseFileOptions) {
    const { path, sizeBytes, have } = options;
    this.have = have ?? new Uint8Array(SparseFile.blocks(sizeBytes));
    this.#left = this.have.reduce((count, there) => count - there, this.have.length);
    this.#file = onDisk(() => Deno.openSync(path, { write: true, create: true }));
    if (!have) onDisk(() => this.#file.truncateSync(sizeBytes));
  }

  /** Blocks of a file of this size. */
  static blocks(sizeBytes: number): number {
    return Math.ceil(sizeBytes / BLOCK_BYTES);
  }

  get heldBlocks(): number {
    return this.have.length - this.#left;
  }

  get isWhole(): boolean {
    return this.#left === 0;
  }

  /**
   * Resolves when these ranges, in ascending order, are in the file; whether any was read for it. Throws `cube_missing`
   * where there is no such object any more.
   */
  async ensure(ranges: Iterable<ByteRange>): Promise<boolean> {
    if (this.isWhole) return false;
    const { missing, coming } = this.#plan(ranges);
    if (missing.length > 0) {
      const blocks = missing.reduce((sum, { first, last }) => sum + last - first + 1, 0);
      await this.options.beforeWrite?.(blocks * BLOCK_BYTES);
    }
    // Another call may have begun the same while the disk was looked at: then its bytes are waited for.
    const runs = missing.map((run) => this.#coming.get(run.first) ?? this.#begin(run));
    const settled = await Promise.allSettled([...coming, ...runs]);
    for (const one of settled) if (one.status === "rejected") throw one.reason;
    return runs.length > 0;
  }

  all(): Promise<boolean> {
    return this.ensure([{ start: 0, end: this.options.sizeBytes }]);
  }

  close(): void {
    this.#file.close();
  }

  /** Runs of blocks to ask for, with the blocks between them where that is cheaper, and those asked for already. */
  #plan(ranges: Iterable<ByteRange>) {
    const missing: { first: number; last: number }[] = [];
    const coming = new Set<Promise<void>>();
    let run: { first: number; last: number } | undefined;
    for (const { start, end } of ranges) {
      for (let block = Math.floor(start / BLOCK_BYTES); block * BLOCK_BYTES < end; block++) {
        const known = this.#coming.get(block);
        if (known) coming.add(known);
        if (known || this.have[block] || (run && block <= run.last)) continue;
        const joins = run && block - run.last <= GAP_BLOCKS && block - run.first < MOST_BLOCKS;
        if (joins) run!.last = block;
        else missing.push(run = { first: block, last: block });
      }
    }
    return { missing, coming };
  }

  #begin(run: { first: number; last: number }): Promise<void> {
    const reading = this.#read(run).finally(() => {
      for (let block = run.first; block <= run.last; block++) {
        if (this.#coming.get(block) === reading) this.#coming.delete(block);
      }
    });
    for (let block = run.first; block <= run.last; block++) {
      if (!this.have[block] && !this.#coming.has(block)) this.#coming.set(block, reading);
    }
    return reading;
  }

  async #read({ first, last }: { first: number; last: number }): Promise<void> {
    const { key, sizeBytes } = this.options;
    const start = first * BLOCK_BYTES, end = Math.min(sizeBytes, (last + 1) * BLOCK_BYTES);
    const bytes = await getObject(this.bucket, key, { range: { first: start, last: end - 1 } });
    if (!bytes) throw new LoopscopeError("missing", "cube_missing", "The cube was removed meanwhile");
    if (bytes.length !== end - start) {
      const message = `${key} in the object storage has ${bytes.length} bytes at ${start}; expected ${end - start}`;
      throw new LoopscopeError("internal", "cube_damaged", message);
    }
    onDisk(() => this.#file.seekSync(start, Deno.SeekMode.Start));
    writeAll(this.#file, bytes);
    for (let block = first; block <= last; block++) {
      this.#left -= 1 - this.have[block];
      this.have[block] = 1;
    }
  }
}
