import { randomBytes } from "node:crypto";
import { isDiskFull } from "./disk_error.ts";
import { exists, removeIfThere } from "./durable.ts";

/** A record that ends something takes some tens of kilobytes of the database's log. */
const SLICE_BYTES = 256 * 1024;

/**
 * A file that only takes room, so that on a full disk something can still be deleted, cancelled or ended: a deletion has to
 * be recorded before it frees anything. Given up slice by slice, and filled again when there is room.
 */
export class SpareRoom {
  #sizeBytes: number;

  constructor(private readonly path: string, private readonly wantedBytes: number) {
    this.#sizeBytes = exists(path) ? Deno.statSync(path).size : 0;
  }

  /** Runs a change that frees room; where the disk has none for it, again with a slice of the spare. */
  use<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!isDiskFull(error) || this.#sizeBytes === 0) throw error;
      this.#resize(Math.max(0, this.#sizeBytes - SLICE_BYTES));
      return run();
    }
  }

  /** Takes the room again where there is plenty: twice what it needs. */
  fill(freeBytes: () => number): void {
    if (this.#sizeBytes >= this.wantedBytes || freeBytes() < 2 * this.wantedBytes) return;
    try {
      Deno.writeFileSync(this.path, randomBytes(this.wantedBytes));
      this.#sizeBytes = this.wantedBytes;
    } catch (error) {
      removeIfThere(this.path);
      this.#sizeBytes = 0;
      if (!isDiskFull(error)) throw error;
    }
  }

  #resize(sizeBytes: number): void {
    Deno.truncateSync(this.path, sizeBytes);
    this.#sizeBytes = sizeBytes;
  }
}
