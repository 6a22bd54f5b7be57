import { LoopscopeError } from "../../base/errors.ts";
import type { CubeReader, ImageChannel, Region } from "../../cube/cube.ts";
import type { CubeFile } from "../../schemas/cube_file.ts";
import { CubeFileWriter } from "./cube_file_writer.ts";
import { imagePath, readCubeJson, writeCubeJson, writeImage } from "./cube_json.ts";
import { exists } from "../durable.ts";
import { chooseLayout, type TileLayout } from "./tile_layout.ts";
import { TiledFile } from "./tiled_file.ts";

const MASK = "mask.u8";
const VALUES = "values.f32";

export interface CubeFileOptions {
  /** Cubes up to this size are kept in memory from the first read on; default 64 MiB. */
  cacheBytes?: number;
}

/** A cube in files, and what only its files know. */
export interface StoredCubeReader extends CubeReader {
  meta: CubeFile;
  hasMask: boolean;
}

/**
 * Creates the files of a cube in a folder that is there. Rows are written once, in order; then maps may be read and
 * repaired; `finish` makes it whole. Memory stays below one row of tiles (64 MiB, or one row of the cube) plus what
 * the caller passes. A full disk throws `disk_full` (unavailable).
 *
 * @param shape rows, cols, points
 */
export function createCubeFile(folder: string, shape: readonly [number, number, number]): CubeFileWriter {
  if (shape.some((length) => !Number.isInteger(length) || length < 1)) {
    throw new RangeError(`A cube has at least one row, column and step, met [${shape}]`);
  }
  return new CubeFileWriter(folder, chooseLayout(shape));
}

/**
 * Opens a stored cube. Throws `cube_damaged` (internal) when `cube.json` is not what was written or a file has
 * another size than the shape demands.
 */
export function openCubeFile(folder: string, options: CubeFileOptions = {}): StoredCubeReader {
  const meta = readCubeJson(folder);
  const [rows, cols, points] = meta.shape;
  const layout: TileLayout = { shape: meta.shape, ...meta.layout };
  const cached = rows * cols * points * 4 <= (options.cacheBytes ?? 64 * 2 ** 20);
  expectSize(`${folder}/${VALUES}`, rows * cols * points * 4);
  const hasMask = exists(`${folder}/${MASK}`);
  if (hasMask) expectSize(`${folder}/${MASK}`, rows * cols * points);
  meta.maps.forEach((_, i) => expectSize(imagePath(folder, i), rows * cols * 4));
  const values = new TiledFile(`${folder}/${VALUES}`, layout, Float32Array, { cached });
  const mask = hasMask ? new TiledFile(`${folder}/${MASK}`, layout, Uint8Array, { cached }) : undefined;
  return cubeReader(folder, meta, values, mask);
}

function cubeReader(
  folder: string,
  meta: CubeFile,
  values: TiledFile<Float32Array>,
  mask: TiledFile<Uint8Array> | undefined,
): StoredCubeReader {
  const { shape, axes, quantity, unit, maps } = meta;
  return {
    meta,
    hasMask: mask !== undefined,
    shape,
    axes,
    quantity,
    unit,
    imageNames: maps.map((map) => map.name),
    readMap(index) {
      inside("step", index, shape[2]);
      return values.readSteps(index, 1);
    },
    readSpectrum(row, col) {
      return values.readRegion(checkRegion({ row, col, rows: 1, cols: 1 }, shape));
    },
    readBlock: (region) => values.readRegion(checkRegion(region, shape)),
    readMask(region) {
      checkRegion(region, shape);
      return mask ? mask.readRegion(region) : new Uint8Array(region.rows * region.cols * shape[2]);
    },
    readImage(name) {
      const index = maps.findIndex((map) => map.name === name);
      return index < 0 ? undefined : { ...maps[index], values_HW: readFloats(imagePath(folder, index)) };
    },
    close() {
      values.close();
      mask?.close();
    },
  };
}

/**
 * Adds a separate image channel to a stored cube, whole or not at all. Throws `map_exists` (conflict) when the name
 * is taken, `grid_mismatch` (unprocessable) when it has another number of pixels.
 */
export function addCubeImage(folder: string, channel: ImageChannel): void {
  const meta = readCubeJson(folder);
  writeImage(folder, meta, channel);
  writeCubeJson(folder, meta);
}

function expectSize(path: string, wanted: number): void {
  const met = exists(path) ? Deno.statSync(path).size : undefined;
  if (met === wanted) return;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const message = `The stored cube's ${name} has ${met ?? "no"} bytes; expected ${wanted}`;
  throw new LoopscopeError("internal", "cube_damaged", message);
}

function readFloats(path: string): Float32Array {
  const bytes = Deno.readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

function inside(what: string, index: number, length: number): void {
  if (Number.isInteger(index) && index >= 0 && index < length) return;
  const message = `The ${what} is ${index}; expected 0 to ${length - 1}`;
  throw new LoopscopeError("unprocessable", "outside_cube", message);
}

function checkRegion(region: Region, [rows, cols]: readonly [number, number, number]): Region {
  inside("row", region.row, rows);
  inside("column", region.col, cols);
  inside("last row", region.row + region.rows - 1, rows);
  inside("last column", region.col + region.cols - 1, cols);
  return region;
}
