import type { BlobClaims } from "../../lib/store/ports/records.ts";

/** Claims of one process, for tests of what keeps the bytes. `isNeeded` says whether a cube has them. */
export class MemoryClaims implements BlobClaims {
  readonly #holds = new Map<string, number>();
  /** The last of those who use a blob's row. */
  readonly #locks = new Map<string, Promise<void>>();

  constructor(private readonly isNeeded: (sha256: string) => boolean) {}

  hold(sha256: string): Promise<void> {
    return this.#locked(sha256, () => void this.#holds.set(sha256, (this.#holds.get(sha256) ?? 0) + 1));
  }

  release(sha256: string, remove: () => Promise<void>): Promise<void> {
    return this.#locked(sha256, async () => {
      const left = (this.#holds.get(sha256) ?? 0) - 1;
      if (left > 0) return void this.#holds.set(sha256, left);
      this.#holds.delete(sha256);
      if (!this.isNeeded(sha256)) await remove();
    });
  }

  #locked(sha256: string, run: () => void | Promise<void>): Promise<void> {
    const done = (this.#locks.get(sha256) ?? Promise.resolve()).then(run);
    this.#locks.set(sha256, done.catch(() => {}));
    return done;
  }
}
