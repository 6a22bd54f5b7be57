import { randomBytes } from "node:crypto";
import { isDiskFull } from "../disk_error.ts";
import { exists, removeIfThere } from "../durable.ts";

/** A record that ends something takes some tens of kilobytes of the database's log. */
const SLICE_BYTES = 256 * 1024;

/**
 * A file that only takes room, so that on a full disk something can still be deleted, cancelled, ended or revoked: that has
 * to be recorded before it frees anything. Given up slice by slice, and filled again when there is room.
 */
export class DiskReserve {
  #whole: boolean;

  constructor(private readonly path: string, private readonly wantedBytes: number) {
    this.#whole = this.#sizeBytes() >= wantedBytes;
  }

  /** Runs such a change; where the disk has no room for it, once more with a slice of the spare. */
  use<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      const sizeBytes = isDiskFull(error) ? this.#sizeBytes() : 0;
      if (sizeBytes === 0) throw error;
      Deno.truncateSync(this.path, Math.max(0, sizeBytes - SLICE_BYTES));
      this.#whole = false;
      return run();
    }
  }

  /** Takes the room again where there is plenty: twice what it needs. */
  fill(freeBytes: () => number): void {
    if (this.#whole || freeBytes() < 2 * this.wantedBytes) return;
    try {
      // Bytes that no file system compresses away.
      Deno.writeFileSync(this.path, randomBytes(this.wantedBytes));
      this.#whole = true;
    } catch (error) {
      removeIfThere(this.path);
      if (!isDiskFull(error)) throw error;
    }
  }

  /** As it is: another process on the same folder may have given up some. */
  #sizeBytes(): number {
    return exists(this.path) ? Deno.statSync(this.path).size : 0;
  }
}
