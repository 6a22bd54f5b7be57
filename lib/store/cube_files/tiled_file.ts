import type { Region } from "../../schemas/job.ts";
import { onDisk } from "../disk_error.ts";
import { writeAll } from "../durable.ts";
import { type Tile, type TileLayout, tilesOf } from "./tile_layout.ts";

/** Steps transposed at a time: one cache line of a spectrum, and a tile's part that stays in the first cache. */
const STEP_BLOCK = 16;

export type TileValues = Float32Array | Uint8Array;
interface TileType<T extends TileValues> {
  new (length: number): T;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/**
 * A rows x cols x points array in one file of tiles (`tile_layout.ts`), little-endian. A map costs one short read a
 * tile, a spectrum one read of one tile. With `cached`, the whole file is kept in memory from the first read on.
 */
export class TiledFile<T extends TileValues> {
  #file: Deno.FsFile;
  #cache?: T;

  constructor(
    path: string,
    readonly layout: TileLayout,
    private readonly type: TileType<T>,
    private readonly options: { write?: boolean; cached?: boolean } = {},
  ) {
    const write = options.write ?? false;
    this.#file = onDisk(() => Deno.openSync(path, { read: true, write, create: write }));
    if (write) onDisk(() => this.#file.truncateSync(this.sizeBytes));
  }

  get sizeBytes(): number {
    const [rows, cols, points] = this.layout.shape;
    return rows * cols * points * this.type.BYTES_PER_ELEMENT;
  }

  /** `count` maps from step `first` on, steps x rows x cols. */
  readSteps(first: number, count: number): T {
    const [rows, cols] = this.layout.shape;
    const values_SHW = new this.type(count * rows * cols);
    for (const tile of tilesOf(this.layout)) {
      const pixels = tile.rows * tile.cols;
      const part = this.#read(tile.offset + first * pixels, count * pixels);
      eachTileRow(tile, count, (s, r, from) => {
        values_SHW.set(part.subarray(from, from + tile.cols), (s * rows + tile.row + r) * cols + tile.col);
      });
    }
    return values_SHW;
  }

  /** Writes `count` maps back; `skipZero` leaves tiles that would be all zero untouched, so that the file stays sparse. */
  writeSteps(first: number, values_SHW: T, options: { skipZero?: boolean } = {}): void {
    const [rows, cols] = this.layout.shape;
    const count = values_SHW.length / (rows * cols);
    for (const tile of tilesOf(this.layout)) {
      const pixels = tile.rows * tile.cols;
      const part = new this.type(count * pixels);
      eachTileRow(tile, count, (s, r, to) => {
        const from = (s * rows + tile.row + r) * cols + tile.col;
        part.set(values_SHW.subarray(from, from + tile.cols), to);
      });
      if (options.skipZero && isZero(part)) continue;
      this.#write(tile.offset + first * pixels, part);
    }
  }

  /** The spectra of a rectangle, rows x cols x points of the region. */
  readRegion(region: Region): T {
    const points = this.layout.shape[2];
    const values_HWS = new this.type(region.rows * region.cols * points);
    for (const tile of tilesOf(this.layout, region)) this.#gather(tile, region, values_HWS);
    return values_HWS;
  }

  /** Writes whole rows of tiles: `row0` and the number of rows must fall on tile borders (or the last row). */
  writeTileRows(row0: number, rows: number, values_HWS: ArrayLike<number>): void {
    const [, cols, points] = this.layout.shape;
    for (const tile of tilesOf(this.layout, { row: row0, col: 0, rows, cols })) {
      const part = new this.type(tile.rows * tile.cols * points);
      transposeIn(part, tile, values_HWS, { row0, cols, points });
      this.#write(tile.offset, part);
    }
  }

  sync(): void {
    onDisk(() => this.#file.syncSync());
  }

  close(): void {
    this.#file.close();
  }

  /** Copies the part of a tile that lies in the region into the region's block. */
  #gather(tile: Tile, region: Region, values_HWS: T): void {
    const points = this.layout.shape[2];
    const pixels = tile.rows * tile.cols;
    const top = Math.max(tile.row, region.row), bottom = Math.min(tile.row + tile.rows, region.row + region.rows);
    const left = Math.max(tile.col, region.col), right = Math.min(tile.col + tile.cols, region.col + region.cols);
    const part = this.#read(tile.offset, pixels * points);
    for (let s0 = 0; s0 < points; s0 += STEP_BLOCK) {
      const s1 = Math.min(points, s0 + STEP_BLOCK);
      for (let row = top; row < bottom; row++) {
        for (let col = left; col < right; col++) {
          const to = ((row - region.row) * region.cols + col - region.col) * points;
          const from = (row - tile.row) * tile.cols + col - tile.col;
          for (let s = s0; s < s1; s++) values_HWS[to + s] = part[s * pixels + from];
        }
      }
    }
  }

  #read(offset: number, length: number): T {
    if (!this.options.cached) return this.#readFile(offset, length);
    this.#cache ??= this.#readFile(0, this.sizeBytes / this.type.BYTES_PER_ELEMENT);
    return this.#cache.subarray(offset, offset + length) as T;
  }

  #readFile(offset: number, length: number): T {
    const size = this.type.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array(length * size);
    this.#file.seekSync(offset * size, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      const got = this.#file.readSync(bytes.subarray(at));
      if (got === null) {
        throw new RangeError(`The file ends at byte ${offset * size + at}; expected ${length * size} more`);
      }
      at += got;
    }
    return new this.type(bytes.buffer, 0, length);
  }

  #write(offset: number, part: T): void {
    this.#file.seekSync(offset * this.type.BYTES_PER_ELEMENT, Deno.SeekMode.Start);
    writeAll(this.#file, new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
}

function eachTileRow(tile: Tile, steps: number, visit: (step: number, row: number, at: number) => void): void {
  for (let s = 0, at = 0; s < steps; s++) {
    for (let r = 0; r < tile.rows; r++, at += tile.cols) visit(s, r, at);
  }
}

function isZero(values: TileValues): boolean {
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) return false;
  return true;
}

/** Turns a tile's pixels, spectrum by spectrum, into step-major order. */
function transposeIn(
  part: TileValues,
  tile: Tile,
  values_HWS: ArrayLike<number>,
  { row0, cols, points }: { row0: number; cols: number; points: number },
): void {
  const pixels = tile.rows * tile.cols;
  for (let s0 = 0; s0 < points; s0 += STEP_BLOCK) {
    const s1 = Math.min(points, s0 + STEP_BLOCK);
    for (let r = 0, pixel = 0; r < tile.rows; r++) {
      let from = ((tile.row - row0 + r) * cols + tile.col) * points;
      for (let c = 0; c < tile.cols; c++, pixel++, from += points) {
        for (let s = s0; s < s1; s++) part[s * pixels + pixel] = values_HWS[from + s];
      }
    }
  }
}
