import type { ModelStore, StoredModel, StoredVersion } from "../ports/model_store.ts";
import type { ModelFolders } from "./model_folders.ts";

/** The port on `ModelFolders`, whose methods are synchronous and so never interleave. */
export class FolderModelStore implements ModelStore {
  constructor(private readonly folders: ModelFolders) {}

  // deno-lint-ignore require-await
  async list(): Promise<StoredModel[]> {
    return this.folders.list();
  }

  // deno-lint-ignore require-await
  async find(name: string): Promise<StoredModel | undefined> {
    return this.folders.find(name);
  }

  // deno-lint-ignore require-await
  async get(name: string): Promise<StoredModel> {
    return this.folders.get(name);
  }

  // deno-lint-ignore require-await
  async resolve(name: string, version: string): Promise<number> {
    return this.folders.resolve(name, version);
  }

  // deno-lint-ignore require-await
  async version(name: string, version: number): Promise<StoredVersion> {
    const { readOnly } = this.folders.folderOf(name, version);
    return { manifest: this.folders.manifest(name, version), readOnly };
  }

  // deno-lint-ignore require-await
  async localFolder(name: string, version: number): Promise<string> {
    return this.folders.folderOf(name, version).path;
  }

  // deno-lint-ignore require-await
  async card(name: string, version: number): Promise<string> {
    return this.folders.card(name, version);
  }

  weights(name: string, version: number, file?: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.folders.weights(name, version, file);
  }

  add(
    name: string,
    write: (folder: string, version: number) => void | Promise<void>,
    options?: { madeBy?: string },
  ): Promise<number> {
    return this.folders.add(name, write, options);
  }

  // deno-lint-ignore require-await
  async madeBy(id: string): Promise<{ name: string; version: number } | undefined> {
    return this.folders.madeBy(id);
  }

  // deno-lint-ignore require-await
  async madeByCallers(prefix: string, finishedBeforeMs: number): Promise<{ name: string; version: number }[]> {
    return this.folders.madeByCallers(prefix, finishedBeforeMs);
  }

  removeVersion(name: string, version: number): Promise<void> {
    return this.folders.removeVersion(name, version);
  }

  // deno-lint-ignore require-await
  async aliasRevision(name: string): Promise<number> {
    return this.folders.aliases.revision(name);
  }

  // deno-lint-ignore require-await
  async setAlias(
    name: string,
    alias: string,
    version: number,
    options?: { ifRevision?: number; ifAbsent?: boolean },
  ): Promise<void> {
    this.folders.setAlias(name, alias, version, options);
  }

  // deno-lint-ignore require-await
  async removeAlias(name: string, alias: string, ifRevision?: number): Promise<void> {
    this.folders.aliases.remove(name, alias, ifRevision);
  }
}
