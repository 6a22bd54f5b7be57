import type { ConvGeometry } from "../network_units.ts";

/** Words of one row of a tile table. */
export const ENTRY_WORDS = 20;
/** Bytes between points, so that they do not fall into one cache set (kernels/winograd.ts). */
export const POINT_PAD = 64;
const LARGEST_TILE = 4;
/** Size of a tile that is a whole phase of two outputs (kernels/transform.ts). */
const PAIR = 5;

/** Tiles of one size that together with the other classes cover each output of a sample once. */
export interface TileClass {
  /** Outputs of a tile in y and x, or PAIR; rows 0: one dimension. */
  readonly tileRows: number;
  readonly tileCols: number;
  readonly tilesPerSample: number;
  /** Points of the filter in one dimension. */
  readonly across: number;
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
  size: number;
}

/**
 * Points of a convolution's filter in one dimension: 3 where each phase is a pair, 8 where pairs stand beside tiles of
 * three (kernels/transform.ts), else 6. Rows and columns are cut alike.
 */
export function pointsAcross({ rows, cols, kernelRows, dilation }: ConvGeometry): 3 | 6 | 8 {
  if (kernelRows === 3 && rows !== cols) return 6;
  if (cols === 2 * dilation) return 3;
  return cols > 2 * dilation && cols < 3 * dilation ? 8 : 6;
}

function pointsOf(size: number): number {
  return size === 0 ? 1 : size === PAIR ? 3 : size + 2;
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
  const pairs = pointsAcross(conv) !== 6;
  const rowTiles = twoD ? cutLine(rows, dilation, pairs) : [{ start: 0, size: 0 }];
  const colTiles = cutLine(cols, dilation, pairs);
  const classes: TileClass[] = [];
  for (const tileRows of sizesOf(rowTiles)) {
    for (const tileCols of sizesOf(colTiles)) {
      const entries: number[] = [];
      for (const row of rowTiles.filter((tile) => tile.size === tileRows)) {
        for (const col of colTiles.filter((tile) => tile.size === tileCols)) {
          entries.push(...tileEntry(row, col, conv, options));
        }
      }
      classes.push({
        tileRows,
        tileCols,
        across: pointsAcross(conv),
        tilesPerSample: entries.length / ENTRY_WORDS,
        points: pointsOf(tileRows) * pointsOf(tileCols),
        table: Int32Array.from(entries),
      });
    }
  }
  return classes;
}

function cutLine(length: number, dilation: number, pairs: boolean): TileLine[] {
  const tiles: TileLine[] = [];
  for (let phase = 0; phase < Math.min(dilation, length); phase++) {
    const count = Math.ceil((length - phase) / dilation);
    for (let at = 0; at < count; at += LARGEST_TILE) {
      tiles.push({
        start: phase + at * dilation,
        size: pairs && count === 2 ? PAIR : Math.min(LARGEST_TILE, count - at),
      });
    }
  }
  return tiles;
}

/** Largest first: they are the longest jobs. */
function sizesOf(tiles: readonly TileLine[]): number[] {
  return [...new Set(tiles.map((tile) => tile.size))].sort((a, b) => b - a);
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
      if (tile.size === 0) return 0;
      // A pair reads its own two inputs, other tiles one more on either side.
      const at = tile.start + (tile.size === PAIR ? tap : tap - 1) * conv.dilation;
      const inside = tap < tile.size + 2 && at >= 0 && at < length;
      return inside ? (upsampled ? at >> 1 : at) * stride : -1;
    });
  const outputs = (tile: TileLine, stride: number) =>
    Array.from({ length: 4 }, (_, i) => i < tile.size ? (tile.start + i * conv.dilation) * stride : 0);
  return [
    ...inputs(row, conv.rows, colsIn * pixelBytesIn),
    ...inputs(col, conv.cols, pixelBytesIn),
    ...outputs(row, conv.cols * pixelBytesOut),
    ...outputs(col, pixelBytesOut),
  ];
}
