import { statfsSync } from "node:fs";

/** What another program writes on the same disk. */
export class Ballast {
  readonly #path: string;

  constructor(private readonly disk: string) {
    this.#path = `${disk}/ballast`;
  }

  /** Takes all but so many bytes, rounded up to whole blocks. */
  fill(leftBytes: number): void {
    const block = new Uint8Array(1 << 20).fill(1);
    using file = Deno.openSync(this.#path, { append: true, create: true });
    for (let take = this.#freeBytes() - leftBytes; take > 0; take = this.#freeBytes() - leftBytes) {
      try {
        file.writeSync(block.subarray(0, Math.min(block.length, take)));
      } catch {
        return; // somebody else was quicker
      }
    }
  }

  remove(): void {
    Deno.removeSync(this.#path);
  }

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.disk);
    return bavail * bsize;
  }
}
