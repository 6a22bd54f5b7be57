import { LoopscopeError } from "../../base/errors.ts";
import type { ImageChannel } from "../../cube/cube.ts";
import type { CubeRecord } from "../../schemas/cube.ts";
import type { Region } from "../../schemas/job.ts";
import { openCubeFile, type StoredCubeReader } from "../cube_files/cube_file.ts";
import { imagePath, readCubeJson, replaceCubeJson } from "../cube_files/cube_json.ts";
import { type Tile, type TileLayout, tilesOf } from "../cube_files/tile_layout.ts";
import { exists } from "../durable.ts";
import { cubeKey, imageKey } from "./cube_keys.ts";
import { downloadFile } from "./transfer.ts";
import { getObject, sizeOfObject } from "./objects.ts";
import type { S3Bucket } from "./s3_bucket.ts";
import { type ByteRange, SparseFile, type SparseFileOptions } from "./sparse_file.ts";

const VALUES = "values.f32";
const MASK = "mask.u8";
/** Which blocks are in the sparse files, beside them while nobody has them open. */
const HAVE = "have.json";
/** A whole cube up to this size is kept in memory, as `openCubeFile` does. */
const MEMORY_BYTES = 64 * 2 ** 20;

/** A cube's files in a local folder, filled from their objects as they are read. */
export class CachedCube {
  #users = 0;
  #imagesHere = 0;
  #ending?: { keep: boolean };
  readonly #readers = new Map<"sparse" | "whole", StoredCubeReader>();
  readonly #images = new Map<number, Promise<void>>();
  #settling: Promise<void> = Promise.resolve();

  private constructor(
    private readonly bucket: S3Bucket,
    readonly id: string,
    readonly folder: string,
    readonly layout: TileLayout,
    private readonly values: SparseFile,
    private readonly mask: SparseFile | undefined,
  ) {}

  /** Throws `cube_missing` where there are no such objects. */
  static async fill(bucket: S3Bucket, id: string, folder: string): Promise<void> {
    const json = await getObject(bucket, cubeKey(id, "cube.json"));
    if (!json) throw gone(id);
    await Deno.mkdir(folder);
    await Deno.writeFile(`${folder}/cube.json`, json);
    const meta = readCubeJson(folder);
    // Image channels are fetched when they are asked for, and listed then.
    await Deno.writeTextFile(`${folder}/cube.json`, JSON.stringify({ ...meta, maps: [] }));
    const hasMask = meta.digests ? MASK in meta.digests : await sizeOfObject(bucket, cubeKey(id, MASK)) !== undefined;
    await Deno.writeTextFile(
      `${folder}/${HAVE}`,
      JSON.stringify(hasMask ? { [VALUES]: "", [MASK]: "" } : { [VALUES]: "" }),
    );
  }

  /** Opens what `fill` made, or what `close` left. */
  static open(
    bucket: S3Bucket,
    id: string,
    folder: string,
    beforeWrite: SparseFileOptions["beforeWrite"],
  ): CachedCube {
    const { shape, layout } = readCubeJson(folder);
    const have: Record<string, string> = JSON.parse(Deno.readTextFileSync(`${folder}/${HAVE}`));
    const elements = shape[0] * shape[1] * shape[2];
    const open = (name: string, sizeBytes: number) =>
      new SparseFile(bucket, {
        ...{ key: cubeKey(id, name), path: `${folder}/${name}`, sizeBytes, beforeWrite },
        have: have[name] ? Uint8Array.fromBase64(have[name]) : undefined,
      });
    const mask = MASK in have ? open(MASK, elements) : undefined;
    return new CachedCube(bucket, id, folder, { shape, ...layout }, open(VALUES, 4 * elements), mask);
  }

  /** Marks a folder whose files are whole, as one that was written here. */
  static markWhole(folder: string): void {
    const names = [VALUES, MASK].filter((name) => exists(`${folder}/${name}`));
    const all = (name: string) => new Uint8Array(SparseFile.blocks(Deno.statSync(`${folder}/${name}`).size)).fill(1);
    const have = Object.fromEntries(names.map((name) => [name, all(name).toBase64()]));
    Deno.writeTextFileSync(`${folder}/${HAVE}`, JSON.stringify(have));
  }

  get isBusy(): boolean {
    return this.#users > 0;
  }

  /** Of the blocks that are here. */
  get heldBlocks(): number {
    return this.values.heldBlocks + (this.mask?.heldBlocks ?? 0) + this.#imagesHere;
  }

  get hasMask(): boolean {
    return this.mask !== undefined;
  }

  get reader(): StoredCubeReader {
    const kind = this.values.isWhole && (this.mask?.isWhole ?? true) ? "whole" : "sparse";
    const known = this.#readers.get(kind);
    if (known) return known;
    const reader = openCubeFile(this.folder, { cacheBytes: kind === "whole" ? MEMORY_BYTES : 0 });
    this.#readers.set(kind, reader);
    return reader;
  }

  readMap(step: number): Promise<Float32Array> {
    return this.#using(async () => {
      const isInside = step >= 0 && step < this.layout.shape[2];
      await this.values.ensure(isInside ? this.#tiles(undefined, (tile) => stepRange(tile, step)) : []);
      return this.reader.readMap(step);
    });
  }

  readBlock(region: Region): Promise<Float32Array> {
    return this.#using(async () => {
      await this.values.ensure(this.#tiles(region, (tile) => this.#rangeOf(tile, 4)));
      return this.reader.readBlock(region);
    });
  }

  readMask(region: Region): Promise<Uint8Array> {
    return this.#using(async () => {
      await this.mask?.ensure(this.#tiles(region, (tile) => this.#rangeOf(tile, 1)));
      return this.reader.readMask(region);
    });
  }

  readImage(record: CubeRecord, index: number): Promise<ImageChannel> {
    return this.#using(async () => {
      await this.#fetchImage(record, index);
      const bytes = await Deno.readFile(imagePath(this.folder, index));
      return { ...record.maps[index], values_HW: new Float32Array(bytes.buffer) };
    });
  }

  /** Reads everything that the record knows of: the folder is then one for `openCubeFile` in any process. */
  fetchAll(record: CubeRecord): Promise<void> {
    return this.#using(async () => {
      const images = record.maps.map((_, i) => this.#fetchImage(record, i));
      await Promise.all([this.values.all(), this.mask?.all(), ...images]);
      // One after another: an older list of channels must not replace a newer one.
      await (this.#settling = this.#settling.then(() => this.#listImages(record)));
    });
  }

  /** Closes the files once nobody reads them any more; with `keep`, for an `open` of the same folder. */
  close(keep: boolean): void {
    this.#ending = { keep };
    if (!this.isBusy) this.#end(keep);
  }

  #end(keep: boolean): void {
    for (const reader of this.#readers.values()) reader.close();
    this.values.close();
    this.mask?.close();
    const have = { [VALUES]: this.values.have.toBase64(), ...this.mask && { [MASK]: this.mask.have.toBase64() } };
    if (keep && exists(this.folder)) Deno.writeTextFileSync(`${this.folder}/${HAVE}`, JSON.stringify(have));
  }

  async #using<T>(read: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await read();
    } finally {
      this.#users--;
      if (this.#ending && !this.isBusy) this.#end(this.#ending.keep);
    }
  }

  async #fetchImage(record: CubeRecord, index: number): Promise<void> {
    const path = imagePath(this.folder, index);
    if (exists(path)) return;
    await (this.#images.get(index) ?? this.#downloadImage(record, index, path));
  }

  #downloadImage(record: CubeRecord, index: number, path: string): Promise<void> {
    const download = async () => {
      await Deno.mkdir(`${this.folder}/maps`, { recursive: true });
      const isThere = await downloadFile(
        this.bucket,
        imageKey(this.id, index, record.maps[index].name),
        `${path}.part`,
      );
      if (!isThere) throw gone(this.id);
      await Deno.rename(`${path}.part`, path);
      this.#imagesHere++;
    };
    const downloading = download().finally(() => this.#images.delete(index));
    this.#images.set(index, downloading);
    return downloading;
  }

  #listImages({ maps }: CubeRecord): void {
    const meta = readCubeJson(this.folder);
    if (meta.maps.length < maps.length) replaceCubeJson(this.folder, { ...meta, maps }, () => {});
  }

  #rangeOf({ offset, rows, cols }: Tile, bytes: number): ByteRange {
    const start = bytes * offset;
    return { start, end: start + bytes * rows * cols * this.layout.shape[2] };
  }

  /** None where the region is not inside the cube, which reading it then says. */
  #tiles(region: Region | undefined, rangeOf: (tile: Tile) => ByteRange): ByteRange[] {
    const [rows, cols] = this.layout.shape;
    const isInside = !region || (region.row >= 0 && region.col >= 0 && region.row + region.rows <= rows &&
      region.col + region.cols <= cols);
    return isInside ? [...tilesOf(this.layout, region)].map(rangeOf) : [];
  }
}

/** The map at one step in one tile. */
function stepRange({ offset, rows, cols }: Tile, step: number): ByteRange {
  const start = 4 * (offset + step * rows * cols);
  return { start, end: start + 4 * rows * cols };
}

function gone(id: string): LoopscopeError {
  return new LoopscopeError("missing", "cube_missing", `The files of cube ${id} are not in the object storage`);
}
