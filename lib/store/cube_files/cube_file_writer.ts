import type { ImageChannel, IngestedCube } from "../../cube/cube.ts";
import type { MapInfo } from "../../schemas/cube.ts";
import { writeCubeJson, writeImage } from "./cube_json.ts";
import { onDisk } from "../disk_error.ts";
import { removeIfThere, sha256OfFile, syncFolder } from "../durable.ts";
import type { TileLayout } from "./tile_layout.ts";
import { TiledFile } from "./tiled_file.ts";

/** Writes a cube's files; made by `createCubeFile`. */
export class CubeFileWriter {
  #values: TiledFile<Float32Array>;
  #mask?: TiledFile<Uint8Array>;
  #images: { shape: [number, number, number]; maps: MapInfo[]; digests: Record<string, string> };
  #nextRow = 0;
  /** The started row of tiles, rows x cols x points. */
  #started?: Float32Array;

  constructor(private readonly folder: string, private readonly layout: TileLayout) {
    this.#images = { shape: [...layout.shape], maps: [], digests: {} };
    this.#values = new TiledFile(`${folder}/values.f32`, layout, Float32Array, { write: true });
  }

  /** Rows of one tile: blocks of a multiple of this many rows are written without a copy. */
  get tileRows(): number {
    return this.layout.tileRows;
  }

  /** The next rows, rows x cols x points; `row0` must be the first row not yet written. */
  writeRows(row0: number, block_HWS: Float32Array | Float64Array): void {
    const [rows, cols, points] = this.layout.shape;
    const count = block_HWS.length / (cols * points);
    if (row0 !== this.#nextRow || !Number.isInteger(count) || row0 + count > rows) {
      const message = `Rows ${row0} to ${row0 + count - 1} were given; expected rows from ${this.#nextRow} to ${
        rows - 1
      }`;
      throw new RangeError(message);
    }
    for (let done = 0; done < count;) done += this.#writeSome(block_HWS.subarray(done * cols * points), count - done);
  }

  /** The map at one step, rows x cols. */
  readMap(index: number): Float32Array {
    return this.readMaps(index, 1);
  }

  /** `count` maps from step `first` on, steps x rows x cols: a few dozen at a time are much quicker than one by one. */
  readMaps(first: number, count: number): Float32Array {
    this.#checkWhole();
    return this.#values.readSteps(first, count);
  }

  /** Writes a map back; 1 in `mask_HW` marks a value as repaired. */
  writeMap(index: number, values_HW: Float32Array, mask_HW?: Uint8Array): void {
    this.writeMaps(index, values_HW, mask_HW);
  }

  /** Writes maps back, steps x rows x cols. Marks only add up: a map written again keeps its earlier marks. */
  writeMaps(first: number, values_SHW: Float32Array, mask_SHW?: Uint8Array): void {
    this.#checkWhole();
    this.#values.writeSteps(first, values_SHW);
    if (!mask_SHW?.some((mark) => mark !== 0)) return;
    this.#mask ??= new TiledFile(`${this.folder}/mask.u8`, this.layout, Uint8Array, { write: true });
    this.#mask.writeSteps(first, mask_SHW, { skipZero: true });
  }

  /** A separate image channel; its name must be new and its grid the cube's. */
  addImage(channel: ImageChannel): void {
    writeImage(this.folder, this.#images, channel);
  }

  /** Makes everything durable, `cube.json` last. `meta.maps` is replaced by the images that were added. */
  finish(meta: IngestedCube): void {
    this.#checkWhole();
    this.#values.sync();
    this.#mask?.sync();
    const { tileRows, tileCols, shape } = this.layout;
    const layout = { version: 1 as const, tileRows, tileCols };
    if (meta.shape.some((length, i) => length !== shape[i])) {
      throw new RangeError(`The cube was written with shape [${shape}], its description says [${meta.shape}]`);
    }
    const digests = { ...this.#images.digests, ...this.#digests() };
    writeCubeJson(this.folder, { ...meta, maps: this.#images.maps, layout, digests });
    onDisk(() => syncFolder(this.folder));
  }

  close(): void {
    this.#values.close();
    this.#mask?.close();
  }

  /** Closes and removes what was written. */
  discard(): void {
    this.close();
    for (const name of ["values.f32", "mask.u8", "maps", "cube.json", "cube.json.part"]) {
      removeIfThere(`${this.folder}/${name}`);
    }
  }

  /** Writes whole rows of tiles straight from the block, or adds rows to the started one; returns the rows taken. */
  #writeSome(block_HWS: Float32Array | Float64Array, available: number): number {
    const [rows, cols, points] = this.layout.shape;
    const start = this.#nextRow - this.#nextRow % this.tileRows;
    const height = Math.min(this.tileRows, rows - start);
    const into = this.#nextRow - start;
    const taken = Math.min(available, height - into);
    if (taken === height) this.#values.writeTileRows(start, height, block_HWS);
    else {
      this.#started ??= new Float32Array(this.tileRows * cols * points);
      this.#started.set(block_HWS.subarray(0, taken * cols * points), into * cols * points);
      if (into + taken === height) this.#values.writeTileRows(start, height, this.#started);
    }
    this.#nextRow += taken;
    return taken;
  }

  #digests(): Record<string, string> {
    const names = this.#mask ? ["values.f32", "mask.u8"] : ["values.f32"];
    return Object.fromEntries(names.map((name) => [name, sha256OfFile(`${this.folder}/${name}`)]));
  }

  #checkWhole(): void {
    const rows = this.layout.shape[0];
    if (this.#nextRow < rows) throw new RangeError(`Only ${this.#nextRow} of ${rows} rows were written`);
  }
}
