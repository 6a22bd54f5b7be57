import { conflict, LoopscopeError, missing } from "../../base/errors.ts";
import { type ModelManifest, modelNameSchema } from "../../schemas/model.ts";
import type { StoredModel } from "../ports/model_store.ts";
import { activeJobsUsing } from "./active_jobs.ts";
import { AliasTable } from "./alias_table.ts";
import type { Database } from "./database.ts";
import type { DataFolder } from "./data_folder.ts";
import { asStoreError } from "../disk_error.ts";
import { exists, removeIfThere, syncFolder, syncTree } from "../durable.ts";
import { checkWeights, digestsOf, readManifest } from "../model_files/model_files.ts";
import { namesIn, versionsIn } from "../model_files/version_folders.ts";

/** The files of one version: `model.json`, `weights.safetensors`, `card.md`, `check.json` and what else was written. */
export interface ModelFolder {
  path: string;
  readOnly: boolean;
}

/**
 * The folders of model versions in the shipped zoo (read-only) and in the data folder, with their records in SQLite.
 * Unknown names and versions throw `model_missing` and `version_missing`.
 */
export class ModelFolders {
  readonly aliases: AliasTable;
  readonly #manifests = new Map<string, ModelManifest>();
  /** Versions by folder of a model, as far as they have been asked for: no other process changes them meanwhile. */
  readonly #versions = new Map<string, readonly number[]>();

  constructor(private readonly db: Database, private readonly folder: DataFolder, readonly zooPath: string) {
    this.aliases = new AliasTable(db, folder.reserve);
  }

  /** All models by name. */
  list(): StoredModel[] {
    const names = new Set([...namesIn(this.zooPath), ...namesIn(this.folder.modelsPath)]);
    return [...names].sort().map((name) => this.find(name)).filter((model) => model !== undefined);
  }

  find(name: string): StoredModel | undefined {
    if (!modelNameSchema.safeParse(name).success) return undefined;
    const versions = this.#versionsOf(name);
    if (versions.length === 0) return undefined;
    const readOnly = this.#versionsIn(this.folder.modelsPath, name).length === 0;
    return { name, versions, aliases: this.aliases.of(name), readOnly };
  }

  get(name: string): StoredModel {
    const model = this.find(name);
    if (!model) throw missing("model_missing", `There is no model ${name}`);
    return model;
  }

  /** The number behind a number, `latest` or an alias. */
  resolve(name: string, version: string): number {
    const versions = this.#versionsOf(name);
    const plain = version === "latest" ? versions.at(-1) : /^[1-9][0-9]*$/.test(version) ? Number(version) : undefined;
    if (plain !== undefined && versions.includes(plain)) return plain;
    const { aliases } = this.get(name);
    if (plain === undefined && versions.includes(aliases[version])) return aliases[version];
    const known = [...versions, "latest", ...Object.keys(aliases)].join(", ");
    throw missing("version_missing", `Model ${name} has no version ${version}, it has ${known}`);
  }

  folderOf(name: string, version: number): ModelFolder {
    if (!modelNameSchema.safeParse(name).success) throw missing("model_missing", "There is no model of such a name");
    for (const [root, readOnly] of [[this.folder.modelsPath, false], [this.zooPath, true]] as const) {
      if (this.#versionsIn(root, name).includes(version)) return { path: `${root}/${name}/${version}`, readOnly };
    }
    throw missing("version_missing", `There is no version ${version} of model ${name}`);
  }

  /** Throws `model_damaged` (internal) when `model.json` is not valid. */
  manifest(name: string, version: number): ModelManifest {
    const { path } = this.folderOf(name, version);
    const known = this.#manifests.get(path);
    if (known) return known;
    const manifest = readManifest(path, name, version);
    this.#manifests.set(path, manifest);
    return manifest;
  }

  card(name: string, version: number): string {
    const path = `${this.folderOf(name, version).path}/card.md`;
    return exists(path) ? Deno.readTextFileSync(path) : "";
  }

  /** `weights.safetensors` (or another file), checked against the size and SHA-256 of the manifest. */
  async weights(name: string, version: number, file = "weights.safetensors"): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await Deno.readFile(`${this.folderOf(name, version).path}/${file}`);
    checkWeights(this.manifest(name, version), file, bytes);
    return bytes;
  }

  /**
   * Adds the next version of a model: `write` fills a new folder, told the version's number; the folder is checked, made
   * durable and moved to its place. Numbers are never used twice. `madeBy` (a job's id) makes it happen once: a second
   * call with it returns the version that is there. Throws `model_damaged` or `disk_full`, and keeps nothing then.
   */
  async add(
    name: string,
    write: (folder: string, version: number) => void | Promise<void>,
    options: { madeBy?: string } = {},
  ): Promise<number> {
    const version = this.#reserve(name, options.madeBy);
    const place = `${this.folder.modelsPath}/${name}/${version}`;
    if (exists(place)) {
      this.accept(name, version);
      return version;
    }
    const draft = this.folder.makeTmpFolder("model");
    try {
      await write(draft, version);
      // From here on nothing comes in between: what made the model cannot be cancelled meanwhile.
      const manifest = readManifest(draft, name, version);
      checkWeights(manifest, "weights.safetensors", Deno.readFileSync(`${draft}/weights.safetensors`));
      syncTree(draft);
      this.#keep(draft, place);
      this.folder.reserve.use(() => this.accept(name, version));
    } catch (error) {
      throw asStoreError(error);
    } finally {
      removeIfThere(draft);
    }
    return version;
  }

  /** The version that `add` made for this job, if it did. */
  madeBy(id: string): { name: string; version: number } | undefined {
    const sql = "SELECT name, version FROM model_versions WHERE made_by = ?";
    const row = this.db.get<{ name: string; version: number }>(sql, id);
    return row && exists(`${this.folder.modelsPath}/${row.name}/${row.version}`) ? { ...row } : undefined;
  }

  /** Versions that jobs of callers with such an id made and ended before a time. */
  madeByCallers(prefix: string, finishedBeforeMs: number): { name: string; version: number }[] {
    const sql = `SELECT name, version FROM model_versions JOIN jobs ON jobs.id = made_by
      WHERE substr(caller, 1, length(?)) = ? AND finished_ms < ?`;
    return this.db.all<{ name: string; version: number }>(sql, prefix, prefix, finishedBeforeMs)
      .filter(({ name, version }) => exists(`${this.folder.modelsPath}/${name}/${version}`));
  }

  /** Throws `version_missing`, `model_read_only` (forbidden) or `version_in_use` (conflict). */
  async removeVersion(name: string, version: number): Promise<void> {
    const { path, readOnly } = this.folderOf(name, version);
    if (readOnly) {
      throw new LoopscopeError("forbidden", "model_read_only", `Model ${name}@${version} is shipped and stays`);
    }
    this.folder.reserve.use(() =>
      this.db.transaction(() => {
        this.#requireUnused(name, version);
        this.forget(name, version);
      })
    );
    this.#manifests.delete(path);
    this.#versions.delete(parentOf(path));
    await this.folder.discard(path);
  }

  #requireUnused(name: string, version: number): void {
    const pointing = Object.entries(this.aliases.of(name)).filter(([, number]) => number === version);
    if (pointing.length > 0) {
      const names = pointing.map(([alias]) => alias).join(", ");
      throw conflict("version_in_use", `Version ${version} of ${name} has the alias ${names}`);
    }
    const users = activeJobsUsing(this.db, { model: `${name}@${version}` });
    if (users.length > 0) throw conflict("version_in_use", `${name}@${version} is used by ${users.join(", ")}`);
  }

  /** Takes a version's small files for what they shall be. */
  accept(name: string, version: number): void {
    const digests = JSON.stringify(digestsOf(`${this.folder.modelsPath}/${name}/${version}`));
    this.db.run("UPDATE model_versions SET digests = ? WHERE name = ? AND version = ?", digests, name, version);
  }

  /** Small files of a version that are not what was written, or gone. Versions of before digests were kept have none. */
  changedFiles(name: string, version: number): string[] {
    const sql = "SELECT digests FROM model_versions WHERE name = ? AND version = ?";
    const wanted = this.db.get<{ digests: string | null }>(sql, name, version)?.digests;
    if (!wanted) return [];
    const met = digestsOf(`${this.folder.modelsPath}/${name}/${version}`);
    return Object.entries(JSON.parse(wanted)).filter(([file, digest]) => met[file] !== digest).map(([file]) => file);
  }

  /** Versions that were made and never removed, and are not there. */
  lost(): { name: string; version: number }[] {
    const sql = "SELECT name, version FROM model_versions WHERE digests IS NOT NULL ORDER BY name, version";
    return this.db.all<{ name: string; version: number }>(sql).filter(({ name, version }) =>
      this.isLost(name, version)
    );
  }

  isLost(name: string, version: number): boolean {
    const sql = "SELECT 1 FROM model_versions WHERE name = ? AND version = ? AND digests IS NOT NULL";
    if (exists(`${this.folder.modelsPath}/${name}/${version}/model.json`)) return false;
    return this.db.get(sql, name, version) !== undefined;
  }

  /** From now on a version may be missing: it was removed. What made it would make another. */
  forget(name: string, version: number): void {
    const sql = "UPDATE model_versions SET digests = NULL, made_by = NULL WHERE name = ? AND version = ?";
    this.db.run(sql, name, version);
  }

  /** Moves what is damaged to `damaged/`. */
  setAside(name: string, version: number): void {
    const path = `${this.folder.modelsPath}/${name}/${version}`;
    this.#manifests.delete(path);
    this.#versions.delete(parentOf(path));
    this.forget(name, version);
    this.folder.setAside(path);
  }

  /** Points an alias at a version that is there. Throws `alias_changed` (precondition) unless at `ifRevision`. */
  setAlias(
    name: string,
    alias: string,
    version: number,
    options?: { ifRevision?: number; ifAbsent?: boolean },
  ): void {
    this.folderOf(name, version);
    this.aliases.set(name, alias, version, options);
  }

  #reserve(name: string, madeBy: string | undefined): number {
    return this.db.transaction(() => {
      const same = this.db.get<{ version: number }>(
        "SELECT version FROM model_versions WHERE made_by = ? AND name = ?",
        ...[madeBy ?? null, name],
      );
      if (same) return same.version;
      const used = this.db.get<{ last: number | null }>(
        "SELECT max(version) AS last FROM model_versions WHERE name = ?",
        name,
      );
      const version = Math.max(0, used?.last ?? 0, ...this.find(name)?.versions ?? []) + 1;
      const sql = "INSERT INTO model_versions (name, version, made_by) VALUES (?, ?, ?)";
      this.db.run(sql, name, version, madeBy ?? null);
      return version;
    });
  }

  #keep(draft: string, place: string): void {
    const parent = parentOf(place);
    Deno.mkdirSync(parent, { recursive: true });
    syncFolder(this.folder.modelsPath);
    Deno.renameSync(draft, place);
    this.#versions.delete(parent);
    syncFolder(parent);
  }

  /** Ascending, shipped and trained; none for a name that is none. */
  #versionsOf(name: string): number[] {
    if (!modelNameSchema.safeParse(name).success) return [];
    const both = [this.zooPath, this.folder.modelsPath].flatMap((root) => this.#versionsIn(root, name));
    return [...new Set(both)].sort((a, b) => a - b);
  }

  #versionsIn(root: string, name: string): readonly number[] {
    const path = `${root}/${name}`;
    const remembered = this.#versions.get(path);
    if (remembered) return remembered;
    const versions = versionsIn(path);
    // Strangers may ask for any name: only those are remembered that one of the two places has.
    const known = [this.zooPath, this.folder.modelsPath].some((root) => this.#versions.has(`${root}/${name}`));
    if (versions.length > 0 || known) this.#versions.set(path, versions);
    return versions;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
