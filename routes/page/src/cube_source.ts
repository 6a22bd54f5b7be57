import type { CubeRecord } from "../../../lib/schemas/cube.ts";
import { type ApiClient, ApiProblem, pause } from "./api_client.ts";

/** Slices kept at once; larger cubes keep the latest ones only. */
const BUDGET_BYTES = 256 * 2 ** 20;
const PARALLEL = 4;

/** The measured cube as the page holds it: slices on demand, all of them when they fit. */
export class CubeSource {
  readonly rows: number;
  readonly cols: number;
  readonly points: number;
  private readonly slices = new Map<number, Float32Array>();
  private readonly waiting = new Map<number, Promise<Float32Array>>();
  private preloading = false;

  constructor(private readonly api: ApiClient, readonly record: CubeRecord) {
    [this.rows, this.cols, this.points] = record.shape;
  }

  path(index: number): string {
    return `/v1/cubes/${this.record.id}/map?index=${index}`;
  }

  /** A slice that is here already, rows x cols. */
  sliceNow(index: number): Float32Array | undefined {
    return this.slices.get(index);
  }

  async slice(index: number): Promise<Float32Array> {
    const known = this.slices.get(index);
    if (known) return known;
    let loading = this.waiting.get(index);
    if (!loading) {
      loading = this.api.grid(this.path(index)).then(({ data }) => this.keep(index, data));
      this.waiting.set(index, loading);
      const done = () => void this.waiting.delete(index);
      loading.then(done, done);
    }
    return await loading;
  }

  get complete(): boolean {
    return this.slices.size === this.points;
  }

  /** Mean spectrum of the pixels within `radius`, from memory; undefined while slices are missing. */
  spectrumNow(row: number, col: number, radius: number): Float32Array | undefined {
    if (!this.complete) return undefined;
    const pixels = pixelsWithin({ row, col }, radius, [this.rows, this.cols]);
    return Float32Array.from({ length: this.points }, (_, s) => {
      const values = this.slices.get(s)!;
      return pixels.reduce((sum, pixel) => sum + values[pixel], 0) / pixels.length;
    });
  }

  async spectrum(row: number, col: number, radius: number): Promise<Float32Array> {
    const known = this.spectrumNow(row, col, radius);
    if (known) return known;
    const query = `row=${row}&col=${col}&radius=${radius}`;
    return (await this.api.grid(`/v1/cubes/${this.record.id}/spectrum?${query}`)).data;
  }

  /** Fetches the remaining slices a few at a time, where all of them fit; gives way when the service is busy. */
  async preload(signal: AbortSignal): Promise<void> {
    if (this.preloading || this.rows * this.cols * this.points * 4 > BUDGET_BYTES) return;
    this.preloading = true;
    let next = 0;
    const lane = async () => {
      while (next < this.points && !signal.aborted) {
        const index = next++;
        await this.slice(index).catch(async (error) => {
          if (!(error instanceof ApiProblem) || error.status !== 429) throw error;
          await pause(5000, signal);
        });
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane)).catch(() => {});
    this.preloading = false;
  }

  private keep(index: number, values: Float32Array): Float32Array {
    this.slices.set(index, values);
    const most = Math.max(2, Math.floor(BUDGET_BYTES / (this.rows * this.cols * 4)));
    while (this.slices.size > most) this.slices.delete(this.slices.keys().next().value!);
    return values;
  }
}

/** Row-major indices of the pixels whose centres lie within `radius` of a pixel. */
export function pixelsWithin(
  at: { row: number; col: number },
  radius: number,
  [rows, cols]: readonly [number, number],
): number[] {
  const found: number[] = [];
  for (let r = Math.max(0, at.row - radius); r <= Math.min(rows - 1, at.row + radius); r++) {
    for (let c = Math.max(0, at.col - radius); c <= Math.min(cols - 1, at.col + radius); c++) {
      if ((r - at.row) ** 2 + (c - at.col) ** 2 <= radius * radius) found.push(r * cols + c);
    }
  }
  return found;
}
