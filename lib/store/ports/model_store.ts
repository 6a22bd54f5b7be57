import type { ModelManifest } from "../../schemas/model.ts";

export interface StoredModel {
  name: string;
  /** Ascending. */
  versions: number[];
  aliases: Record<string, number>;
  /** Shipped with the program. */
  readOnly: boolean;
}

/** A version as it is stored. Immutable: it may be cached until the version is removed. */
export interface StoredVersion {
  manifest: ModelManifest;
  readOnly: boolean;
}

/**
 * Immutable model versions, which appear whole or not at all, with aliases. Unknown names and versions throw
 * `model_missing` and `version_missing`.
 */
export interface ModelStore {
  /** All models by name. */
  list(): Promise<StoredModel[]>;
  find(name: string): Promise<StoredModel | undefined>;
  get(name: string): Promise<StoredModel>;
  /** The number behind a number, `latest` or an alias. */
  resolve(name: string, version: string): Promise<number>;
  /** Throws `model_damaged` (internal) when `model.json` is not valid. */
  version(name: string, version: number): Promise<StoredVersion>;
  /** A local folder with the version's files, for a worker process. */
  localFolder(name: string, version: number): Promise<string>;
  card(name: string, version: number): Promise<string>;
  /** `weights.safetensors` (or another file), checked against the size and SHA-256 of the manifest. */
  weights(name: string, version: number, file?: string): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Adds the next version of a model: `write` fills a new local folder, given the version's number; the folder is checked,
   * made durable and published. Numbers are never used twice. `madeBy` (a job's id) makes it idempotent: a second call
   * with it returns the version that is there. Throws `model_damaged` or `disk_full`, and keeps nothing then. In the
   * embedded form the version is published once `write` has resolved, with no await for another caller to step in between.
   */
  add(
    name: string,
    write: (folder: string, version: number) => void | Promise<void>,
    options?: { madeBy?: string },
  ): Promise<number>;
  /** The version that `add` made for this job, if it did. */
  madeBy(id: string): Promise<{ name: string; version: number } | undefined>;
  /** Versions made by jobs of callers with this id prefix that finished before a time. */
  madeByCallers(prefix: string, finishedBeforeMs: number): Promise<{ name: string; version: number }[]>;
  /**
   * Atomic with the submission of jobs and with aliases: throws `version_missing`, `model_read_only` (forbidden), or
   * `version_in_use` (conflict) while an alias points to the version or a queued or running job uses it.
   */
  removeVersion(name: string, version: number): Promise<void>;
  /** Grows with every change of an alias of this model; 0 before the first. */
  aliasRevision(name: string): Promise<number>;
  /**
   * Points an alias at an existing version. Compare-and-set: throws (precondition) `alias_changed` unless the aliases are
   * at `ifRevision`, and `alias_exists` where `ifAbsent` and there is such an alias.
   */
  setAlias(
    name: string,
    alias: string,
    version: number,
    options?: { ifRevision?: number; ifAbsent?: boolean },
  ): Promise<void>;
  /** Throws `alias_missing`, and `alias_changed` as `setAlias` does. */
  removeAlias(name: string, alias: string, ifRevision?: number): Promise<void>;
}
