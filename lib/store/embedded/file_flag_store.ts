import type { FlagStore } from "../ports/store.ts";
import type { DataFolder } from "./data_folder.ts";
import { exists, writeFileDurably } from "../durable.ts";

/** Flags as files in the data folder's root. */
export class FileFlagStore implements FlagStore {
  constructor(private readonly folder: DataFolder) {}

  // deno-lint-ignore require-await
  async has(name: string): Promise<boolean> {
    return exists(`${this.folder.root}/${name}`);
  }

  // deno-lint-ignore require-await
  async set(name: string, value: string): Promise<void> {
    writeFileDurably(`${this.folder.root}/${name}`, `${value}\n`);
  }
}
