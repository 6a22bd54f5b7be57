import { statfsSync } from "node:fs";
import { conflict, LoopscopeError } from "../../base/errors.ts";
import { onDisk } from "../disk_error.ts";
import { entriesIn, exists, removeIfThere, syncFolder } from "../durable.ts";
import { DiskReserve } from "./disk_reserve.ts";

/** Lies in a data folder while a backup is being restored into it. */
export const RESTORING = "restoring";
/** The folders in a data folder. */
export const FOLDERS = ["blobs", "cubes", "models", "jobs", "results", "uploads", "tmp"] as const;
/** Uploads and derived results leave so much free for the records, checkpoints and models. */
const RESERVE_BYTES = 64 * 2 ** 20;
/** What others on the same disk cannot take: at most 4 MiB, and a small part of a small reserve. */
const SPARE_BYTES = 4 * 2 ** 20;

export interface DataFolderOptions {
  /** Opened beside a running service (keys, backup): no lock is taken and `tmp/` is left alone. */
  shared?: boolean;
  /** What a killed process left in `tmp/` stays. */
  keepTmp?: boolean;
  /** What uploads leave free on the disk; default 64 MiB. */
  reserveBytes?: number;
}

/** `LOOPSCOPE_DATA` as laid out in ARCHITECTURE.md; the only place that knows the paths in it. */
export class DataFolder {
  #tmpCount = 0;
  readonly #lock?: Deno.FsFile;
  readonly #reserveBytes: number;
  /** For what must be recorded on a full disk too: see `DiskReserve.use`. */
  readonly reserve: DiskReserve;

  /** Throws (conflict) `data_folder_in_use` when another process holds it, `data_folder_damaged` when it is none. */
  constructor(readonly root: string, options: DataFolderOptions = {}) {
    this.#reserveBytes = options.reserveBytes ?? RESERVE_BYTES;
    onDisk(() => Deno.mkdirSync(root, { recursive: true }));
    if (!options.shared) this.#lock = takeLock(root);
    for (const name of FOLDERS) makeFolder(`${root}/${name}`);
    if (!options.shared && !options.keepTmp) this.#emptyTmp();
    this.reserve = new DiskReserve(
      `${root}/loopscope.spare`,
      Math.min(SPARE_BYTES, Math.floor(this.#reserveBytes / 16)),
    );
    if (!options.shared) this.reserve.fill(() => this.freeBytes());
    syncFolder(root);
  }

  get databasePath(): string {
    return `${this.root}/loopscope.db`;
  }

  blobPath(sha256: string): string {
    return `${this.root}/blobs/${sha256.slice(0, 2)}/${sha256}`;
  }

  cubePath(id: string): string {
    return `${this.root}/cubes/${id}`;
  }

  jobPath(id: string): string {
    return `${this.root}/jobs/${id}`;
  }

  get modelsPath(): string {
    return `${this.root}/models`;
  }

  get resultsPath(): string {
    return `${this.root}/results`;
  }

  /** A path in `tmp/` that nothing has yet: on the same disk, so that a rename from it is atomic. */
  tmpPath(purpose: string): string {
    return `${this.root}/tmp/${purpose}-${Deno.pid}-${Date.now().toString(36)}-${this.#tmpCount++}`;
  }

  /** A new empty folder in `tmp/`. */
  makeTmpFolder(purpose: string): string {
    const path = this.tmpPath(purpose);
    onDisk(() => Deno.mkdirSync(path));
    return path;
  }

  /** Takes a file or folder out of its place before it returns, and has removed it when it resolves. */
  discard(path: string): Promise<void> {
    const grave = this.tmpPath("removed");
    try {
      Deno.renameSync(path, grave);
      syncFolder(path.slice(0, path.lastIndexOf("/")));
    } catch (error) {
      return error instanceof Deno.errors.NotFound ? Promise.resolve() : Promise.reject(error);
    }
    return Deno.remove(grave, { recursive: true }).then(() => this.reserve.fill(() => this.freeBytes()));
  }

  /** Moves what is damaged to `damaged/`, where only a person deletes it. What is not there is fine. */
  setAside(path: string): void {
    if (!exists(path)) return;
    Deno.mkdirSync(this.damagedPath, { recursive: true });
    const name = path.slice(this.root.length + 1).replaceAll("/", "-");
    Deno.renameSync(path, `${this.damagedPath}/${name}.${Date.now().toString(36)}${this.#tmpCount++}`);
    syncFolder(this.damagedPath);
    syncFolder(path.slice(0, path.lastIndexOf("/")));
  }

  get damagedPath(): string {
    return `${this.root}/damaged`;
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.root);
    return bavail * bsize;
  }

  /** Throws `disk_full` (unavailable) when so many bytes and a reserve do not fit. */
  requireFree(bytes: number): void {
    this.requireOf(this.freeBytes(), bytes);
  }

  /** The same for free bytes that are known already. */
  requireOf(free: number, bytes: number): void {
    if (free >= bytes + this.#reserveBytes) return this.reserve.fill(() => free);
    const message = `The disk has ${free} bytes free; expected ${bytes} and ${this.#reserveBytes} in reserve`;
    throw new LoopscopeError("unavailable", "disk_full", message, { retryAfterS: 60 });
  }

  close(): void {
    // A process that is being started this moment may still share the file: closing it alone would not give the lock back.
    this.#lock?.unlockSync();
    this.#lock?.close();
  }

  /** A parser that outlived its service by a moment may still be writing: renamed, its folder takes nothing more. */
  #emptyTmp(): void {
    for (const { name } of [...Deno.readDirSync(`${this.root}/tmp`)]) {
      const grave = this.tmpPath("removed");
      Deno.renameSync(`${this.root}/tmp/${name}`, grave);
      removeIfThere(grave);
    }
  }
}

/** Whether anything was ever kept in the folder, its records aside. */
export function holdsAnything(root: string): boolean {
  return ["blobs", "cubes", "models"].some((name) => entriesIn(`${root}/${name}`).length > 0);
}

/** A link would be followed to who knows where, and renames into it fail: it must be a folder. */
function makeFolder(path: string): void {
  if (exists(path) && !Deno.lstatSync(path).isDirectory) {
    throw conflict("data_folder_damaged", `Found something else at ${path}; expected a folder`);
  }
  onDisk(() => Deno.mkdirSync(path, { recursive: true }));
}

/** Whether a running service holds the folder. */
export function isDataFolderInUse(root: string): boolean {
  try {
    takeLock(root).close();
    return false;
  } catch (error) {
    if (error instanceof LoopscopeError) return true;
    throw error;
  }
}

/** The kernel gives the lock back when the process ends, however it ends. */
function takeLock(root: string): Deno.FsFile {
  const file = Deno.openSync(`${root}/loopscope.lock`, { read: true, write: true, create: true });
  if (file.tryLockSync(true)) return file;
  file.close();
  throw new LoopscopeError("conflict", "data_folder_in_use", `Another process uses the data folder ${root}`);
}
