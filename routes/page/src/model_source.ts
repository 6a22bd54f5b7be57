import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import type { ModelManifest } from "../../../lib/schemas/model.ts";
import type { ApiClient, ResultOptions } from "./api_client.ts";
import { type Grid, isGrid, type Tree } from "./arrays.ts";
import { pixelsWithin } from "./cube_source.ts";

export type ModelView = ModelManifest & { aliases: string[]; readOnly: boolean; card: string };

export interface Positions {
  row0: number;
  col0: number;
  rows: number;
  cols: number;
}

/** What a model says about every pixel of a cube that has a patch. */
export interface Predictions {
  positions: Positions;
  /** Numbers per pixel of an output: points, or window x window. */
  length: number;
  outputs: Float32Array;
  latents: Float32Array;
  latentCount: number;
  spread?: Float32Array;
}

/** A model applied to a cube: paths, and arrays put onto the pixel grid. */
export class ModelSource {
  readonly version: string;
  readonly base: string;

  constructor(readonly api: ApiClient, readonly model: ModelView, readonly cube: CubeRecord) {
    this.version = `/v1/models/${encodeURIComponent(model.name)}/versions/${model.version}`;
    this.base = `${this.version}/cubes/${cube.id}`;
  }

  get window(): number {
    return this.model.network.window;
  }

  /** Pixels whose patch lies within the map. */
  get positions(): Positions {
    const half = Math.floor(this.window / 2);
    const [rows, cols] = this.cube.shape;
    return { row0: half, col0: half, rows: rows - this.window + 1, cols: cols - this.window + 1 };
  }

  hasPatch(row: number, col: number): boolean {
    const { row0, col0, rows, cols } = this.positions;
    return row >= row0 && row < row0 + rows && col >= col0 && col < col0 + cols;
  }

  /** The query of the image that patches are cut from. */
  get imagePath(): string {
    const image = this.model.image ?? { imageAt: 0 };
    const query = "map" in image ? `map=${encodeURIComponent(image.map)}` : `at=${image.imageAt}`;
    return `/v1/cubes/${this.cube.id}/map?${query}`;
  }

  get imageName(): string {
    const image = this.model.image ?? { imageAt: 0 };
    return "map" in image ? image.map : `the map at ${image.imageAt} ${this.cube.axes.spectral.unit}`.trim();
  }

  async predictions(options?: ResultOptions): Promise<Predictions> {
    const arrays = await this.api.arrays(`${this.base}/predictions`, options);
    const outputs = arrays.get("predicted") ?? arrays.get("outputs");
    const latents = arrays.get("latents");
    if (!outputs || !latents) throw new Error(`The predictions hold ${[...arrays.keys()]}`);
    const { positions } = this;
    const count = positions.rows * positions.cols;
    return {
      positions,
      length: outputs.data.length / count,
      outputs: outputs.data,
      latents: latents.data,
      latentCount: latents.data.length / count,
      spread: arrays.get("spread")?.data,
    };
  }

  /** An array of a result on the cube's own grid, NaN where there is no patch; undefined when it is no map. */
  onGrid(value: Tree): Float32Array | undefined {
    if (!isGrid(value)) return undefined;
    const [rows, cols] = this.cube.shape;
    if (value.data.length === rows * cols) return value.data;
    return value.data.length === this.positions.rows * this.positions.cols ? this.embed(value.data) : undefined;
  }

  /** Puts one number a patch onto the cube's grid; `stride` and `offset` choose it among several. */
  embed(data: Float32Array, stride = 1, offset = 0): Float32Array {
    const { row0, col0, rows, cols } = this.positions;
    const width = this.cube.shape[1];
    const values = new Float32Array(this.cube.shape[0] * width).fill(NaN);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < cols; c++) values[(r + row0) * width + c + col0] = data[(r * cols + c) * stride + offset];
    }
    return values;
  }
}

/** Mean output over the pixels within `radius` that have a patch; undefined where the pixel itself has none. */
export function outputAt(
  predictions: Predictions,
  pin: { row: number; col: number },
  options: { radius: number; source?: Float32Array },
): Float32Array | undefined {
  const { positions: { row0, col0, rows, cols }, length } = predictions;
  const at = { row: pin.row - row0, col: pin.col - col0 };
  if (at.row < 0 || at.col < 0 || at.row >= rows || at.col >= cols) return undefined;
  const values = options.source ?? predictions.outputs;
  const pixels = pixelsWithin(at, options.radius, [rows, cols]);
  return Float32Array.from({ length }, (_, s) => {
    return pixels.reduce((sum, pixel) => sum + values[pixel * length + s], 0) / pixels.length;
  });
}

/** The window x window patch around a pixel; undefined where it leaves the map. */
export function patchAt(image: Grid, pin: { row: number; col: number }, window: number): Float32Array | undefined {
  const [rows, cols] = image.shape;
  const [top, left] = [pin.row - Math.floor(window / 2), pin.col - Math.floor(window / 2)];
  if (top < 0 || left < 0 || top + window > rows || left + window > cols) return undefined;
  return Float32Array.from(
    { length: window * window },
    (_, i) => image.data[(top + Math.floor(i / window)) * cols + left + i % window],
  );
}
