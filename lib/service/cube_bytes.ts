import type { ByteSource } from "../base/byte_source.ts";
import type { Yield } from "../base/scheduler.ts";
import type { CubeParts } from "../store/ports/cube_store.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The values (float32) or the mask (uint8) of a stored cube as bytes in the order rows, columns, points. One row of its
 * tiles is in memory at a time; between two tiles others get their turn.
 */
export function cubeBytes(cube: CubeParts, what: "values" | "mask", yieldTurn: Yield): ByteSource {
  const [rows, cols, points] = cube.shape;
  const rowBytes = cols * points * (what === "values" ? 4 : 1);
  return {
    sizeBytes: rows * rowBytes,
    async *read(start, end) {
      const lastRow = Math.ceil(end / rowBytes);
      for (let row = Math.floor(start / rowBytes); row < lastRow;) {
        const next = Math.min(lastRow, row + cube.tile.rows - row % cube.tile.rows);
        for (const bytes of await readBand(cube, what, { row, rows: next - row, rowBytes, yieldTurn })) {
          yield bytes.subarray(Math.max(0, start - row * rowBytes), Math.min(rowBytes, end - row * rowBytes));
          row++;
        }
      }
    },
  };
}

interface Band {
  row: number;
  rows: number;
  rowBytes: number;
  yieldTurn: Yield;
}

/** Largest block that is put in order without a pause. */
const BLOCK_VALUES = 2 ** 18;

/** The bytes of each row. They are arrays of their own, since one of 64 MiB takes the system a while to give. */
async function readBand(cube: CubeParts, what: "values" | "mask", { row, rows, rowBytes, yieldTurn }: Band) {
  const [, cols, points] = cube.shape;
  const band: Bytes[] = [];
  for (let r = 0; r < rows; r++) {
    band.push(new Uint8Array(rowBytes));
    await yieldTurn();
  }
  const tiles = Math.max(1, Math.floor(BLOCK_VALUES / (rows * points * cube.tile.cols)));
  const step = tiles * cube.tile.cols;
  for (let col = 0; col < cols; col += step) {
    const region = { row, col, rows, cols: Math.min(step, cols - col) };
    const block = await (what === "values" ? cube.readBlock(region) : cube.readMask(region));
    const bytes = new Uint8Array(block.buffer, block.byteOffset, block.byteLength);
    const width = bytes.length / rows;
    for (let r = 0; r < rows; r++) {
      band[r].set(bytes.subarray(r * width, (r + 1) * width), col * rowBytes / cols);
    }
    await yieldTurn();
  }
  return band;
}

/** Memory that reading takes at one time. */
export function bandBytes({ shape: [rows, cols, points], tile }: CubeParts): number {
  return 4 * Math.min(rows, tile.rows) * cols * points;
}
