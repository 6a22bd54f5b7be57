import { newId } from "../../base/ids.ts";
import { LoopscopeError, missing } from "../../base/errors.ts";
import { type ModelManifest, modelNameSchema } from "../../schemas/model.ts";
import { asStoreError } from "../disk_error.ts";
import { exists, removeIfThere, sha256OfFile } from "../durable.ts";
import { checkWeights, readManifest } from "../model_files/model_files.ts";
import { namesIn, versionsIn } from "../model_files/version_folders.ts";
import type { ModelStore, StoredModel, StoredVersion } from "../ports/model_store.ts";
import type { ModelPlace, ModelRecord, ModelRecords } from "../ports/records.ts";
import type { DiskCache } from "./disk_cache.ts";
import { listObjects, removeObjects } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";
import { downloadFile, uploadFile } from "./transfer.ts";

export interface S3ModelStoreOptions {
  bucket: S3Bucket;
  cache: DiskCache;
  records: ModelRecords;
  /** The shipped models. */
  zooPath: string;
}

const PREFIX = "models/";
/** What is asked for often enough to be kept in memory. */
const MANIFESTS_KEPT = 256;

/** Versions as objects `models/NAME/VERSION-ID/FILE`, listed by their records, beside the shipped zoo. */
export class S3ModelStore implements ModelStore {
  readonly #manifests = new Map<string, ModelManifest>();

  constructor(private readonly options: S3ModelStoreOptions) {}

  async list(): Promise<StoredModel[]> {
    const names = new Set([...namesIn(this.options.zooPath), ...await this.options.records.names()]);
    const models = await Promise.all([...names].sort().map((name) => this.find(name)));
    return models.filter((model) => model !== undefined);
  }

  async find(name: string): Promise<StoredModel | undefined> {
    if (!modelNameSchema.safeParse(name).success) return undefined;
    const { versions: trained, aliases } = await this.options.records.find(name);
    const versions = [...new Set([...this.#shipped(name), ...trained])].sort((a, b) => a - b);
    return versions.length === 0 ? undefined : { name, versions, aliases, readOnly: trained.length === 0 };
  }

  async get(name: string): Promise<StoredModel> {
    const model = await this.find(name);
    if (!model) throw missing("model_missing", `There is no model ${name}`);
    return model;
  }

  async resolve(name: string, version: string): Promise<number> {
    const { versions, aliases } = await this.get(name);
    const plain = version === "latest" ? versions.at(-1) : /^[1-9][0-9]*$/.test(version) ? Number(version) : undefined;
    if (plain !== undefined && versions.includes(plain)) return plain;
    const named = Object.hasOwn(aliases, version) ? aliases[version] : undefined;
    if (plain === undefined && named !== undefined && versions.includes(named)) return named;
    const known = [...versions, "latest", ...Object.keys(aliases)].join(", ");
    throw missing("version_missing", `Model ${name} has no version ${version}, it has ${known}`);
  }

  async version(name: string, version: number): Promise<StoredVersion> {
    const place = await this.#placeOf(name, version);
    const known = this.#manifests.get(place?.place ?? `${name}@${version}`);
    if (known) return { manifest: known, readOnly: !place };
    const manifest = readManifest(await this.#folderOf(name, version, place), name, version);
    this.#manifests.set(place?.place ?? `${name}@${version}`, manifest);
    const [oldest] = this.#manifests.keys();
    if (this.#manifests.size > MANIFESTS_KEPT) this.#manifests.delete(oldest);
    return { manifest, readOnly: !place };
  }

  async localFolder(name: string, version: number): Promise<string> {
    return await this.#folderOf(name, version, await this.#placeOf(name, version));
  }

  async card(name: string, version: number): Promise<string> {
    const path = `${await this.localFolder(name, version)}/card.md`;
    return exists(path) ? await Deno.readTextFile(path) : "";
  }

  async weights(name: string, version: number, file = "weights.safetensors"): Promise<Uint8Array<ArrayBuffer>> {
    const folder = await this.localFolder(name, version);
    const bytes = await Deno.readFile(`${folder}/${file}`);
    checkWeights(readManifest(folder, name, version), file, bytes);
    return bytes;
  }

  async add(
    name: string,
    write: (folder: string, version: number) => void | Promise<void>,
    { madeBy }: { madeBy?: string } = {},
  ): Promise<number> {
    const { records, cache } = this.options;
    const version = await records.reserve(name, { shipped: Math.max(0, ...this.#shipped(name)), madeBy });
    if (await records.placeOf(name, version)) return version;
    const draft = await cache.folder.makeFolder("model");
    try {
      await write(draft, version);
      const manifest = readManifest(draft, name, version);
      checkWeights(manifest, "weights.safetensors", await Deno.readFile(`${draft}/weights.safetensors`));
      await this.#publish(draft, name, version);
    } catch (error) {
      throw asStoreError(error);
    } finally {
      removeIfThere(draft);
    }
    return version;
  }

  madeBy(id: string): Promise<{ name: string; version: number } | undefined> {
    return this.options.records.madeBy(id);
  }

  madeByCallers(prefix: string, finishedBeforeMs: number): Promise<{ name: string; version: number }[]> {
    return this.options.records.madeByCallers(prefix, finishedBeforeMs);
  }

  async removeVersion(name: string, version: number): Promise<void> {
    const { bucket, cache, records } = this.options;
    if (!await this.#placeOf(name, version)) {
      throw new LoopscopeError("forbidden", "model_read_only", `Model ${name}@${version} is shipped and stays`);
    }
    const removed = await records.remove(name, version);
    if (!removed) throw versionMissing(name, version);
    await cache.remove(nameOf(removed));
    await removeObjects(bucket, keyOf(removed));
  }

  async aliasRevision(name: string): Promise<number> {
    return (await this.#record(name)).revision;
  }

  async setAlias(
    name: string,
    alias: string,
    version: number,
    options: { ifRevision?: number; ifAbsent?: boolean } = {},
  ): Promise<void> {
    const shipped = !await this.#placeOf(name, version);
    await this.options.records.setAlias(name, alias, version, { ...options, shipped });
  }

  async removeAlias(name: string, alias: string, ifRevision?: number): Promise<void> {
    await this.options.records.removeAlias(name, alias, ifRevision);
  }

  /**
   * Removes the files of versions that were never published, or no longer are. A place with a file that is not older than
   * `olderThanMs` may be on its way. Returns how many places.
   */
  async sweep(olderThanMs: number): Promise<number> {
    const newestMs = new Map<string, number>();
    for await (const { key, modifiedMs } of listObjects(this.options.bucket, PREFIX)) {
      const place = key.slice(PREFIX.length, key.lastIndexOf("/"));
      newestMs.set(place, Math.max(modifiedMs, newestMs.get(place) ?? 0));
    }
    const old = [...newestMs.keys()].filter((place) => newestMs.get(place)! < olderThanMs);
    let removed = 0;
    for (const place of old) {
      const [, name, version] = /^(.*)\/([0-9]+)-/.exec(place) ?? ["", "", "0"];
      if ((await this.options.records.placeOf(name, Number(version)))?.place === place) continue;
      await removeObjects(this.options.bucket, keyOf({ place }));
      removed++;
    }
    return removed;
  }

  async #publish(draft: string, name: string, version: number): Promise<void> {
    const { bucket, cache, records } = this.options;
    const files = [...Deno.readDirSync(draft)].map((entry) => entry.name);
    const digests = Object.fromEntries(files.map((file) => [file, sha256OfFile(`${draft}/${file}`)]));
    const place = { place: `${name}/${version}-${newId<string>("v")}`, digests };
    const withdraw = () => removeObjects(bucket, keyOf(place)).catch(() => {}); // a sweep finds them
    try {
      for (const file of files) await uploadFile(bucket, keyOf(place, file), `${draft}/${file}`);
    } catch (error) {
      await withdraw();
      throw error;
    }
    // Where this fails the version may be published all the same: its files stay.
    if (await records.publish(name, version, place)) cache.adopt(nameOf(place), draft);
    else await withdraw();
  }

  /** Undefined for a shipped version. Throws `model_missing` and `version_missing`. */
  async #placeOf(name: string, version: number): Promise<ModelPlace | undefined> {
    if (!modelNameSchema.safeParse(name).success) throw missing("model_missing", "There is no model of such a name");
    const place = await this.options.records.placeOf(name, version);
    if (!place && !this.#shipped(name).includes(version)) throw versionMissing(name, version);
    return place;
  }

  async #folderOf(name: string, version: number, place: ModelPlace | undefined): Promise<string> {
    if (!place) return `${this.options.zooPath}/${name}/${version}`;
    return await this.options.cache.get(nameOf(place), (draft) => this.#fetch(place, draft));
  }

  async #fetch(place: ModelPlace, draft: string): Promise<void> {
    await Deno.mkdir(draft);
    for (const [file, digest] of Object.entries(place.digests)) {
      const isThere = await downloadFile(this.options.bucket, keyOf(place, file), `${draft}/${file}`);
      if (isThere && sha256OfFile(`${draft}/${file}`) === digest) continue;
      const message = `${file} of ${place.place} in the object storage is ${isThere ? "damaged" : "missing"}`;
      throw new LoopscopeError("internal", "model_damaged", message);
    }
  }

  async #record(name: string): Promise<ModelRecord> {
    if (modelNameSchema.safeParse(name).success) return await this.options.records.find(name);
    return { versions: [], aliases: {}, revision: 0 };
  }

  #shipped(name: string): number[] {
    return versionsIn(`${this.options.zooPath}/${name}`);
  }
}

function versionMissing(name: string, version: number): LoopscopeError {
  return missing("version_missing", `There is no version ${version} of model ${name}`);
}

function keyOf({ place }: { place: string }, file = ""): string {
  return `${PREFIX}${place}/${file}`;
}

/** Of its copy on this host. */
function nameOf({ place }: { place: string }): string {
  return `${PREFIX}${place.replace("/", ".")}`;
}
