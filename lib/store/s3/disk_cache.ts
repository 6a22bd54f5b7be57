import { asStoreError } from "../disk_error.ts";
import { exists, removeIfThere } from "../durable.ts";
import type { CacheFolder } from "./cache_folder.ts";

/** What was lent is not taken away so soon: a worker process that was told its path may still have to wait for its turn. */
const LENT_MS = 15 * 60_000;

interface Entry {
  sizeBytes: number;
  usedMs: number;
}

/**
 * Copies of objects as local files and folders, named KIND/NAME. At most `maxBytes` beside what is pinned or was asked for
 * within the last minutes; the least recently used go first.
 */
export class DiskCache {
  /** Of `get`, since the start of this process, for its metrics. */
  readonly counts = { hits: 0, misses: 0 };
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #making = new Map<string, Promise<string>>();
  readonly #pins = new Map<string, number>();

  constructor(
    readonly folder: CacheFolder,
    private readonly maxBytes: number,
    private readonly lentMs = LENT_MS,
  ) {}

  /** Whether something of this size may be kept without driving most of the rest out. */
  fits(bytes: number): boolean {
    return bytes <= this.maxBytes / 2;
  }

  /** The path of what is there; counts as use. */
  find(name: string): string | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    const path = this.pathOf(name);
    if (exists(path)) this.#remember(name, entry.sizeBytes);
    else this.#entries.delete(name); // deleted by hand
    return exists(path) ? path : undefined;
  }

  /** The path of an entry that `make` writes, to a draft, where it is not there; once for all who ask meanwhile. */
  async get(name: string, make: (draft: string) => Promise<void>): Promise<string> {
    const found = this.find(name);
    if (found) {
      this.counts.hits++;
      return found;
    }
    this.counts.misses++;
    const making = this.#making.get(name) ?? this.#make(name, make);
    return await making;
  }

  #make(name: string, make: (draft: string) => Promise<void>): Promise<string> {
    const draft = this.folder.tmpPath("fetched");
    const making = make(draft)
      .then(() => this.adopt(name, draft))
      .catch((error) => Promise.reject(asStoreError(error)))
      .finally(() => {
        this.#making.delete(name);
        removeIfThere(draft);
      });
    this.#making.set(name, making);
    return making;
  }

  /** Moves a finished file or folder to its place; returns its path. */
  adopt(name: string, draft: string): string {
    const path = this.pathOf(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    removeIfThere(path);
    Deno.renameSync(draft, path);
    return this.accept(name);
  }

  /** Counts what was written at its place by another process; returns its path. */
  accept(name: string): string {
    const path = this.pathOf(name);
    this.#remember(name, sizeOf(path));
    this.#shrink();
    return path;
  }

  pathOf(name: string): string {
    return `${this.folder.root}/${name}`;
  }

  /** Keeps an entry until as many calls of `unpin`. */
  pin(name: string): void {
    this.#pins.set(name, (this.#pins.get(name) ?? 0) + 1);
  }

  unpin(name: string): void {
    const left = (this.#pins.get(name) ?? 0) - 1;
    if (left > 0) this.#pins.set(name, left);
    else this.#pins.delete(name);
  }

  async remove(name: string): Promise<void> {
    this.#entries.delete(name);
    await this.folder.discard(this.pathOf(name));
  }

  /** Names of entries that begin so. */
  names(prefix: string): string[] {
    return [...this.#entries.keys()].filter((name) => name.startsWith(prefix));
  }

  sizeBytes(prefix = ""): number {
    return this.names(prefix).reduce((sum, name) => sum + this.#entries.get(name)!.sizeBytes, 0);
  }

  #remember(name: string, sizeBytes: number): void {
    this.#entries.delete(name);
    this.#entries.set(name, { sizeBytes, usedMs: performance.now() });
  }

  #shrink(): void {
    let over = this.sizeBytes() - this.maxBytes;
    const lentSince = performance.now() - this.lentMs;
    for (const [name, { sizeBytes, usedMs }] of this.#entries) {
      if (over <= 0 && this.folder.hasRoom(0)) return;
      if (this.#pins.has(name) || usedMs > lentSince) continue;
      this.#entries.delete(name);
      removeIfThere(this.pathOf(name));
      over -= sizeBytes;
    }
  }
}

/** What it takes on the disk: a file that is only partly there counts as that part. */
function sizeOf(path: string): number {
  const { isDirectory, size, blocks } = Deno.lstatSync(path);
  if (!isDirectory) return Math.min(size, (blocks ?? Infinity) * 512);
  return [...Deno.readDirSync(path)].reduce((sum, { name }) => sum + sizeOf(`${path}/${name}`), 0);
}
