import { statfsSync } from "node:fs";
import { LoopscopeError } from "../../base/errors.ts";
import { asStoreError } from "../disk_error.ts";
import { exists, removeIfThere } from "../durable.ts";
import type { ScratchSpace } from "../ports/store.ts";

/** What others on the same disk keep. */
const RESERVE_BYTES = 64 * 2 ** 20;
/** The part of a cache folder that worker processes may write. */
const WRITABLE = ["results", "tmp"];
const MOST_PROCESSES = 256;

/**
 * A folder of this process alone on this host's own disk, `LOOPSCOPE_DATA/cache-N`: working space, and copies of objects.
 * Empty at the start; it may be deleted at any time, also while the process runs.
 */
export class CacheFolder implements ScratchSpace {
  readonly readable: readonly string[];
  readonly writable: readonly string[];
  #count = 0;

  private constructor(
    readonly root: string,
    private readonly lock: Deno.FsFile,
    private readonly reserveBytes: number,
  ) {
    this.readable = [root];
    this.writable = WRITABLE.map((name) => `${root}/${name}`);
  }

  /** Takes the first `cache-N` in `dataRoot` that no other process has. */
  static open(dataRoot: string, options: { reserveBytes?: number } = {}): CacheFolder {
    for (let i = 1; i <= MOST_PROCESSES; i++) {
      const root = `${dataRoot}/cache-${i}`;
      const lock = takeLock(root);
      if (!lock) continue;
      const folder = new CacheFolder(root, lock, options.reserveBytes ?? RESERVE_BYTES);
      for (const { name } of [...Deno.readDirSync(root)]) if (name !== "lock") removeIfThere(`${root}/${name}`);
      for (const path of folder.writable) Deno.mkdirSync(path);
      return folder;
    }
    throw new LoopscopeError("conflict", "data_folder_in_use", `Too many processes use ${dataRoot}`);
  }

  /** A path in `tmp/` that nothing has yet. */
  tmpPath(purpose: string): string {
    Deno.mkdirSync(`${this.root}/tmp`, { recursive: true });
    return `${this.root}/tmp/${purpose}-${Date.now().toString(36)}-${this.#count++}`;
  }

  // deno-lint-ignore require-await
  async makeFolder(purpose: string): Promise<string> {
    const path = this.tmpPath(purpose);
    try {
      Deno.mkdirSync(path);
    } catch (error) {
      throw asStoreError(error);
    }
    return path;
  }

  /** Takes a file or folder out of its place before it returns, and has removed it when it resolves. */
  async discard(path: string): Promise<void> {
    if (!exists(path)) return;
    const grave = this.tmpPath("removed");
    try {
      Deno.renameSync(path, grave);
      await Deno.remove(grave, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  // deno-lint-ignore require-await
  async freeBytes(): Promise<number> {
    return this.#freeBytes();
  }

  async requireFree(bytes: number): Promise<void> {
    this.requireOf(await this.freeBytes(), bytes);
  }

  requireOf(freeBytes: number, bytes: number): void {
    if (freeBytes >= bytes + this.reserveBytes) return;
    const message =
      `The cache's disk has ${freeBytes} bytes free; expected ${bytes} and ${this.reserveBytes} in reserve`;
    throw new LoopscopeError("unavailable", "disk_full", message, { retryAfterS: 60 });
  }

  /** Whether so many bytes more fit. */
  hasRoom(bytes: number): boolean {
    return this.#freeBytes() >= bytes + this.reserveBytes;
  }

  close(): void {
    this.lock.unlockSync();
    this.lock.close();
  }

  #freeBytes(): number {
    Deno.mkdirSync(this.root, { recursive: true });
    const { bavail, bsize } = statfsSync(this.root);
    return bavail * bsize;
  }
}

/** The kernel gives the lock back when the process ends, however it ends. */
function takeLock(root: string): Deno.FsFile | undefined {
  Deno.mkdirSync(root, { recursive: true });
  const file = Deno.openSync(`${root}/lock`, { read: true, write: true, create: true });
  if (file.tryLockSync(true)) return file;
  file.close();
}
