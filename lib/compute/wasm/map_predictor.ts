import type { ImagePrediction } from "../engine.ts";
import { pictureFloats, placeMapPiece } from "./map_program.ts";
import type { MapExtent, MapPiece } from "./map_program.ts";
import { writeProgram } from "./program.ts";
import { Arena } from "./shared_heap.ts";
import type { ThreadPool } from "./thread_pool.ts";
import type { WasmModel } from "./wasm_model.ts";

/** Positions of a piece: the larger, the less is computed twice at its borders, and the less stays in the cache. */
const PIECE: MapExtent = { rows: 16, cols: 64 };
/** Sizes of pieces remembered: whole ones, and those at the right, lower and corner border of a map or two. */
const MOST_PIECES = 8;

interface ReadyPiece extends MapPiece {
  readonly program: number;
}

/** The encoder over whole maps, piece by piece, with what neighbouring patches share computed once. */
export class MapPredictor {
  private readonly arena: Arena;
  private readonly pieces = new Map<string, ReadyPiece>();
  private pictures?: [number, number];

  constructor(private readonly pool: ThreadPool, private readonly model: WasmModel) {
    this.arena = new Arena(pool.heap);
  }

  /** Latent variables at each position, and what `decode` makes of them. */
  async predict(
    image_HW: Float32Array,
    imageCols: number,
    positions: { rows: number; cols: number },
    options: { decode?: (latent_NL: Float32Array) => Promise<Float32Array>; pause: () => Promise<void> },
  ): Promise<ImagePrediction> {
    const { latent, points } = this.model.network.options;
    const count = positions.rows * positions.cols;
    const latent_HWL = new Float32Array(count * latent);
    for (let row = 0; row < positions.rows; row += PIECE.rows) {
      for (let col = 0; col < positions.cols; col += PIECE.cols) {
        const extent = {
          rows: Math.min(PIECE.rows, positions.rows - row),
          cols: Math.min(PIECE.cols, positions.cols - col),
        };
        const latent_NL = this.encode(image_HW, imageCols, { row, col }, extent);
        for (let i = 0; i < extent.rows; i++) {
          const line = latent_NL.subarray(i * extent.cols * latent, (i + 1) * extent.cols * latent);
          latent_HWL.set(line, ((row + i) * positions.cols + col) * latent);
        }
        await options.pause();
      }
    }
    if (!options.decode) return { ...positions, latent_HWL, output_HWS: new Float32Array(0) };
    const output_HWS = await options.decode(latent_HWL);
    if (output_HWS.length !== count * points) throw new Error("The decoder's output does not fit the map");
    return { ...positions, latent_HWL, output_HWS };
  }

  release(): void {
    this.pieces.clear();
    this.pictures = undefined;
    this.arena.release();
  }

  private encode(
    image_HW: Float32Array,
    imageCols: number,
    at: { row: number; col: number },
    extent: MapExtent,
  ): Float32Array {
    const { window, latent } = this.model.network.options;
    const piece = this.piece(extent);
    const rows = extent.rows + window - 1, cols = extent.cols + window - 1;
    const { heap } = this.pool;
    const image = heap.floats(piece.image, rows * cols);
    for (let i = 0; i < rows; i++) {
      const from = (at.row + i) * imageCols + at.col;
      image.set(image_HW.subarray(from, from + cols), i * cols);
    }
    this.pool.run(piece.program);
    return heap.floats(piece.latent, extent.rows * extent.cols * latent);
  }

  private piece(extent: MapExtent): ReadyPiece {
    const key = `${extent.rows} x ${extent.cols}`;
    const known = this.pieces.get(key);
    if (known) return known;
    if (this.pieces.size >= MOST_PIECES) this.release();
    const picture = () => this.arena.floats(pictureFloats(this.model, PIECE));
    this.pictures ??= [picture(), picture()];
    const piece = placeMapPiece(this.model, this.arena, extent, this.pictures);
    const ready = { ...piece, program: writeProgram(this.arena, piece.stages).address };
    this.pieces.set(key, ready);
    return ready;
  }
}
