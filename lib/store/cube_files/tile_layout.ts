/** Pixels of one tile: enough that a map is few reads, few enough that a spectrum reads little beside itself. */
const TILE_PIXELS = 256;
const MAX_TILE_ROWS = 16;
/** A row of tiles is buffered while it is written; this bounds the buffer. */
const MAX_TILE_ROW_BYTES = 64 * 2 ** 20;
/** A tile is read whole for one spectrum; this bounds it where spectra are very long. */
const MAX_TILE_BYTES = 8 * 2 ** 20;

/** How a rows x cols x points array lies in its file. */
export interface TileLayout {
  shape: readonly [rows: number, cols: number, points: number];
  tileRows: number;
  tileCols: number;
}

/** One tile: a rectangle of pixels with all their steps, step-major in the file. */
export interface Tile {
  row: number;
  col: number;
  rows: number;
  cols: number;
  /** Elements before this tile in the file. */
  offset: number;
}

/** Tiles of about 256 pixels, 16 x 16 where the cube is large enough and a row of tiles stays under 64 MiB. */
export function chooseLayout(shape: readonly [number, number, number]): TileLayout {
  const [rows, cols, points] = shape;
  const pixels = Math.max(1, Math.min(TILE_PIXELS, Math.floor(MAX_TILE_BYTES / (4 * points))));
  const fitting = Math.floor(MAX_TILE_ROW_BYTES / (4 * cols * points));
  const tileRows = Math.max(1, Math.min(MAX_TILE_ROWS, rows, fitting, Math.ceil(Math.sqrt(pixels))));
  return { shape, tileRows, tileCols: Math.max(1, Math.min(cols, Math.floor(pixels / tileRows))) };
}

/** The tiles that meet a rectangle of pixels (default: all), in the order of the file. Edge tiles are cut, not padded. */
export function* tilesOf(
  layout: TileLayout,
  region = { row: 0, col: 0, rows: layout.shape[0], cols: layout.shape[1] },
): Generator<Tile> {
  const { shape: [rows, cols, points], tileRows, tileCols } = layout;
  const firstRow = region.row - region.row % tileRows;
  const firstCol = region.col - region.col % tileCols;
  for (let row = firstRow; row < region.row + region.rows; row += tileRows) {
    const height = Math.min(tileRows, rows - row);
    for (let col = firstCol; col < region.col + region.cols; col += tileCols) {
      const width = Math.min(tileCols, cols - col);
      yield { row, col, rows: height, cols: width, offset: points * (row * cols + height * col) };
    }
  }
}
