import { conflict, LoopscopeError, missing } from "../../base/errors.ts";
import type { ImageChannel } from "../../cube/cube.ts";
import type { CubeRecord } from "../../schemas/cube.ts";
import { imagePath, MAX_MAPS, requireNewImage } from "../cube_files/cube_json.ts";
import { exists } from "../durable.ts";
import type { Listing, ListingRequest } from "../paging.ts";
import type { CubeAdmission, CubeParts, CubeStore, RemoveCubeOptions, Usage } from "../ports/cube_store.ts";
import type { CubeRecords } from "../ports/records.ts";
import { CachedCube } from "./cached_cube.ts";
import { cubeKey, CUBES, imageKey } from "./cube_keys.ts";
import type { DiskCache } from "./disk_cache.ts";
import { listObjects, removeObjects, replaceObject } from "./objects.ts";
import type { S3BlobStore } from "./s3_blob_store.ts";
import type { S3Bucket } from "./s3_bucket.ts";
import { uploadFile } from "./transfer.ts";

/** Cubes that are kept open for reads. */
const OPEN_CUBES = 8;

export interface S3CubeStoreOptions {
  bucket: S3Bucket;
  cache: DiskCache;
  records: CubeRecords;
  blobs: S3BlobStore;
}

/** Objects `cubes/ID/FILE`, which are never changed; image channels are added beside them and listed by the record. */
export class S3CubeStore implements CubeStore {
  /** Least recently used first. */
  readonly #open = new Map<string, CachedCube>();

  constructor(private readonly options: S3CubeStoreOptions) {}

  async add(finishedFolder: string, record: CubeRecord, admission: CubeAdmission) {
    const { records, cache } = this.options;
    const withdraw = () => removeObjects(this.options.bucket, cubeKey(record.id)).catch(() => {}); // a sweep finds them
    try {
      await this.#upload(finishedFolder, record);
    } catch (error) {
      await withdraw();
      throw error;
    }
    const added = await records.insert(record, admission).catch(async (error) => {
      // Without an answer of the database the record may be there all the same.
      if (isRefusal(error)) await withdraw();
      throw error;
    });
    if (added.created) {
      CachedCube.markWhole(finishedFolder);
      cache.adopt(nameOf(record.id), finishedFolder);
    } else {
      await withdraw();
      await cache.folder.discard(finishedFolder);
    }
    return added;
  }

  get(id: string): Promise<CubeRecord | undefined> {
    return this.options.records.get(id);
  }

  findByContent(sha256: string, optionsKey: string): Promise<CubeRecord | undefined> {
    return this.options.records.findByContent(sha256, optionsKey);
  }

  list(page: ListingRequest): Promise<Listing<CubeRecord>> {
    return this.options.records.list(page);
  }

  async remove(id: string, options?: RemoveCubeOptions): Promise<boolean> {
    const { records, blobs, bucket, cache } = this.options;
    const record = await records.get(id);
    if (!record) return false;
    await blobs.hold(record.sha256);
    try {
      if (!await records.remove(id, options)) return false;
      // The cube is gone from here on; what cannot be deleted now is for a sweep.
      await removeObjects(bucket, cubeKey(id)).catch(() => {});
      this.#close(id, false);
      await cache.remove(nameOf(id));
    } finally {
      await blobs.release(record.sha256);
    }
    return true;
  }

  rename(id: string, name: string): Promise<CubeRecord> {
    return this.options.records.rename(id, name);
  }

  addImage(id: string, channel: ImageChannel): Promise<CubeRecord> {
    return this.options.records.change(id, async (record) => {
      if (record.maps.length >= MAX_MAPS) {
        const message = `Cube ${id} has ${record.maps.length} maps; expected fewer than ${MAX_MAPS}`;
        throw conflict("too_many_maps", message);
      }
      requireNewImage(record, channel);
      const { name, quantity, unit, values_HW } = channel;
      const bytes = new Uint8Array(new Float32Array(values_HW).buffer);
      await replaceObject(this.options.bucket, imageKey(id, record.maps.length, name), bytes);
      return { ...record, maps: [...record.maps, { name, quantity, unit }] };
    });
  }

  async open(id: string): Promise<CubeParts> {
    const record = await this.#require(id);
    const { reader, hasMask, layout } = await this.#cubeOf(id);
    const { shape, axes, quantity, unit } = reader;
    const read = async <T>(read: (cube: CachedCube) => Promise<T>): Promise<T> => {
      await this.#require(id);
      return await this.#read(id, read);
    };
    return {
      ...{ shape, axes, quantity, unit, hasMask },
      imageNames: record.maps.map((map) => map.name),
      tile: { rows: layout.tileRows, cols: layout.tileCols },
      readMap: (step) => read((cube) => cube.readMap(step)),
      readSpectra: (row, col, count) => read((cube) => cube.readBlock({ row, col, rows: 1, cols: count })),
      readBlock: (region) => read((cube) => cube.readBlock(region)),
      readMask: (region) => read((cube) => cube.readMask(region)),
      readImage: async (name) => {
        const index = record.maps.findIndex((map) => map.name === name);
        return index < 0 ? undefined : await read((cube) => cube.readImage(record, index));
      },
    };
  }

  async localFolder(id: string): Promise<string> {
    const record = await this.#require(id);
    return await this.#read(id, async (cube) => {
      await cube.fetchAll(record);
      return cube.folder;
    });
  }

  usage(owner?: string): Promise<Usage> {
    return this.options.records.usage(owner);
  }

  ownerOf(id: string): Promise<string | undefined> {
    return this.options.records.ownerOf(id);
  }

  expired(nowMs: number): Promise<string[]> {
    return this.options.records.expired(nowMs);
  }

  renew(id: string, admission: { owner: string; expiresMs?: number }): Promise<void> {
    return this.options.records.renew(id, admission);
  }

  /** Removes the files of cubes without a record; those not older than `olderThanMs` may be on their way. */
  async sweep(olderThanMs: number): Promise<number> {
    const newestMs = new Map<string, number>();
    for await (const { key, modifiedMs } of listObjects(this.options.bucket, CUBES)) {
      const id = key.split("/")[1];
      newestMs.set(id, Math.max(modifiedMs, newestMs.get(id) ?? 0));
    }
    let removed = 0;
    for (const [id, modifiedMs] of newestMs) {
      if (modifiedMs >= olderThanMs || await this.options.records.get(id)) continue;
      await removeObjects(this.options.bucket, cubeKey(id));
      removed++;
    }
    return removed;
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.#close(id, false);
  }

  async #upload(folder: string, { id, maps }: CubeRecord): Promise<void> {
    const { bucket } = this.options;
    for (const name of ["values.f32", "mask.u8"]) {
      if (exists(`${folder}/${name}`)) await uploadFile(bucket, cubeKey(id, name), `${folder}/${name}`);
    }
    for (const [i, { name }] of maps.entries()) await uploadFile(bucket, imageKey(id, i, name), imagePath(folder, i));
    await uploadFile(bucket, cubeKey(id, "cube.json"), `${folder}/cube.json`);
  }

  async #read<T>(id: string, read: (cube: CachedCube) => Promise<T>): Promise<T> {
    const cube = await this.#cubeOf(id);
    const before = cube.heldBlocks;
    try {
      return await read(cube);
    } finally {
      if (cube.heldBlocks !== before && exists(cube.folder)) this.options.cache.accept(nameOf(id));
    }
  }

  /** Open in this process; made where the cache has no folder of it. */
  async #cubeOf(id: string): Promise<CachedCube> {
    const { bucket, cache } = this.options;
    if (!cache.find(nameOf(id))) this.#close(id, false); // what it knows of went with the folder
    const folder = await cache.get(nameOf(id), (draft) => CachedCube.fill(bucket, id, draft));
    const cube = this.#open.get(id) ??
      CachedCube.open(bucket, id, folder, (bytes) => cache.folder.requireFree(bytes));
    this.#open.delete(id);
    this.#open.set(id, cube);
    const idle = [...this.#open.values()].find((other) => other !== cube && !other.isBusy);
    if (this.#open.size > OPEN_CUBES && idle) this.#close(idle.id, true);
    return cube;
  }

  #close(id: string, keep: boolean): void {
    this.#open.get(id)?.close(keep);
    this.#open.delete(id);
  }

  async #require(id: string): Promise<CubeRecord> {
    const record = await this.options.records.get(id);
    if (!record) throw missing("cube_missing", `There is no cube ${id}`);
    return record;
  }
}

/** Whether the records said no, rather than nothing. */
function isRefusal(error: unknown): boolean {
  return error instanceof LoopscopeError && error.kind !== "unavailable" && error.kind !== "internal";
}

/** Of its copy on this host. */
function nameOf(id: string): string {
  return `${CUBES}${id}`;
}
