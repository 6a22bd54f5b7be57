import type { ConvGeometry } from "../network_units.ts";

/** Words of one row of a tile table. */
export const ENTRY_WORDS = 20;
/** Bytes between points, so that they do not fall into one cache set (kernels/winograd.ts). */
export const POINT_PAD = 64;
const LARGEST_TILE = 4;

/** Tiles of one size that together with the other classes cover each output of a sample once. */
export interface TileClass {
  /** Outputs of a tile in y and x; rows 0: one dimension. */
  readonly tileRows: number;
  readonly tileCols: number;
  readonly tilesPerSample: number;
  /** Points of evaluation of a tile. */
  readonly points: number;
  /** See kernels/winograd.ts. */
  readonly table: Int32Array;
}

/** A tile class with its table in shared memory. */
export interface PlacedClass extends TileClass {
  readonly address: number;
}

/** Floats of one point of a filter or of its gradient. */
export function planeFloats(channels: number): number {
  return channels ** 2 + POINT_PAD / 4;
}

interface TileLine {
  start: number;
  outputs: number;
}

/**
 * Cuts the outputs of a dilated "same" convolution into tiles. The outputs `dilation` apart are a plain convolution of
 * their own (a phase); each phase is cut into fours and a rest, by rows and by columns.
 */
export function tileClasses(
  conv: ConvGeometry,
  options: { pixelBytesIn: number; pixelBytesOut: number; upsampled: boolean },
): TileClass[] {
  const { rows, cols, dilation } = conv;
  const twoD = conv.kernelRows === 3;
  const rowTiles = twoD ? cutLine(rows, dilation) : [{ start: 0, outputs: 0 }];
  const colTiles = cutLine(cols, dilation);
  const classes: TileClass[] = [];
  for (const tileRows of sizesOf(rowTiles)) {
    for (const tileCols of sizesOf(colTiles)) {
      const entries: number[] = [];
      for (const row of rowTiles.filter((tile) => tile.outputs === tileRows)) {
        for (const col of colTiles.filter((tile) => tile.outputs === tileCols)) {
          entries.push(...tileEntry(row, col, conv, options));
        }
      }
      classes.push({
        tileRows,
        tileCols,
        tilesPerSample: entries.length / ENTRY_WORDS,
        points: (twoD ? tileRows + 2 : 1) * (tileCols + 2),
        table: Int32Array.from(entries),
      });
    }
  }
  return classes;
}

function cutLine(length: number, dilation: number): TileLine[] {
  const tiles: TileLine[] = [];
  for (let phase = 0; phase < Math.min(dilation, length); phase++) {
    const count = Math.ceil((length - phase) / dilation);
    for (let at = 0; at < count; at += LARGEST_TILE) {
      tiles.push({ start: phase + at * dilation, outputs: Math.min(LARGEST_TILE, count - at) });
    }
  }
  return tiles;
}

/** Largest first: they are the longest jobs. */
function sizesOf(tiles: readonly TileLine[]): number[] {
  return [...new Set(tiles.map((tile) => tile.outputs))].sort((a, b) => b - a);
}

function tileEntry(
  row: TileLine,
  col: TileLine,
  conv: ConvGeometry,
  options: { pixelBytesIn: number; pixelBytesOut: number; upsampled: boolean },
): number[] {
  const { pixelBytesIn, pixelBytesOut, upsampled } = options;
  const colsIn = upsampled ? conv.cols / 2 : conv.cols;
  const inputs = (tile: TileLine, length: number, stride: number) =>
    Array.from({ length: 6 }, (_, tap) => {
      if (tile.outputs === 0) return 0;
      const at = tile.start + (tap - 1) * conv.dilation;
      const inside = tap < tile.outputs + 2 && at >= 0 && at < length;
      return inside ? (upsampled ? at >> 1 : at) * stride : -1;
    });
  const outputs = (tile: TileLine, stride: number) =>
    Array.from({ length: 4 }, (_, i) => i < tile.outputs ? (tile.start + i * conv.dilation) * stride : 0);
  return [
    ...inputs(row, conv.rows, colsIn * pixelBytesIn),
    ...inputs(col, conv.cols, pixelBytesIn),
    ...outputs(row, conv.cols * pixelBytesOut),
    ...outputs(col, pixelBytesOut),
  ];
}
