import type { ScratchSpace } from "../ports/store.ts";
import type { DataFolder } from "./data_folder.ts";

/** Working space in `tmp/` of the data folder. */
export class DiskScratch implements ScratchSpace {
  readonly readable: readonly string[];
  readonly writable: readonly string[];

  constructor(private readonly folder: DataFolder) {
    this.readable = [folder.root];
    this.writable = [folder.resultsPath, `${folder.root}/tmp`];
  }

  // deno-lint-ignore require-await
  async makeFolder(purpose: string): Promise<string> {
    return this.folder.makeTmpFolder(purpose);
  }

  discard(path: string): Promise<void> {
    return this.folder.discard(path);
  }

  // deno-lint-ignore require-await
  async freeBytes(): Promise<number> {
    return this.folder.freeBytes();
  }

  // deno-lint-ignore require-await
  async requireFree(bytes: number): Promise<void> {
    this.folder.requireFree(bytes);
  }

  requireOf(freeBytes: number, bytes: number): void {
    this.folder.requireOf(freeBytes, bytes);
  }
}
