import type { Network } from "../../../models/network.ts";
import { extendedLength, extendedNeighbours, patchCells } from "../extended_axis.ts";
import { planInference } from "../plan.ts";
import type { Step } from "../step.ts";
import type { BufferPart, GpuDevice, PreparedDispatch } from "./gpu_device.ts";
import { grid } from "./gpu_kernel.ts";
import type { Dispatch } from "./gpu_kernel.ts";
import { mapDenseKernel, mapLinearKernel, mapStageKernel } from "./map_kernels.ts";
import { tileFor } from "./matrix_kernel.ts";
import type { SessionBuffers } from "./step_dispatches.ts";

/** Below this window the extended image is no smaller than the patches. */
const MIN_WINDOW = 8;

export interface Grid {
  readonly rows: number;
  readonly cols: number;
}

/** Encodes every patch of a tile of an image at once, sharing all that patches have in common. */
export class MapEncoder {
  private constructor(
    private readonly gpu: GpuDevice,
    readonly tile: Grid,
    private readonly window: number,
    private readonly image: GPUBuffer,
    private readonly latents: GPUBuffer,
    private readonly latentFloats: number,
    private readonly buffers: readonly GPUBuffer[],
    private readonly dispatches: readonly PreparedDispatch[],
  ) {}

  /** Rows and columns of positions whose largest buffer fits in `tileBytes`; undefined where patch by patch is as good. */
  static tileFor(network: Network, positions: Grid, tileBytes: number): Grid | undefined {
    const { window, filters, direction } = network.options;
    if (direction !== "im2spec" || window < MIN_WINDOW) return undefined;
    const layers = stagesOf(network).length;
    const cells = Math.sqrt(tileBytes / 4 / filters);
    const side = Math.floor((cells - window + 1) / (1 + 2 * layers));
    if (side < 1) return undefined;
    return { rows: Math.min(side, positions.rows), cols: Math.min(side, positions.cols) };
  }

  static async open(gpu: GpuDevice, network: Network, shared: SessionBuffers, tile: Grid): Promise<MapEncoder> {
    const { window, latent, filters } = network.options;
    const made: GPUBuffer[] = [];
    const keep = (buffer: GPUBuffer) => {
      made.push(buffer);
      return buffer;
    };
    const indices = async (label: string, values: Int32Array) =>
      keep(await gpu.bufferOf(label, Float32Array.from(values)));
    const extent = (layer: number) => ({
      rows: extendedLength(layer, tile.rows, window),
      cols: extendedLength(layer, tile.cols, window),
    });
    try {
      const stages = stagesOf(network);
      const image = keep(await gpu.buffer("image tile", extent(0).rows * extent(0).cols));
      const dispatches: Dispatch[] = [];
      let input = image;
      for (const [i, step] of stages.entries()) {
        const { rows, cols } = extent(i + 1);
        const output = keep(await gpu.buffer(`cells ${i + 1}`, rows * cols * filters));
        const rowTable = await indices("row table", extendedNeighbours(i + 1, tile.rows, window));
        const colTable = await indices("column table", extendedNeighbours(i + 1, tile.cols, window));
        const { rows: tileRows, cols: tileCols } = tileFor(filters);
        dispatches.push({
          kernel: mapStageKernel(step, { rows, cols, colsBefore: extent(i).cols }),
          control: shared.control,
          buffers: [input, shared.parameters, rowTable, colTable, output],
          workgroups: () => grid(Math.ceil(rows * cols / tileRows), Math.ceil(filters / tileCols)),
        });
        input = output;
      }
      const count = tile.rows * tile.cols;
      const latents = keep(await gpu.buffer("latents", count * latent));
      const rowCells = await indices("patch rows", patchCells(stages.length, tile.rows, window));
      const colCells = await indices("patch columns", patchCells(stages.length, tile.cols, window));
      const place = { window, positionsAcross: tile.cols, cellCols: extent(stages.length).cols, count };
      dispatches.push({
        kernel: mapDenseKernel(denseOf(network), place, gpu.limits.threads),
        control: shared.control,
        buffers: [input, shared.parameters, rowCells, colCells, latents],
        workgroups: () => grid(count * latent),
      });
      const linear = linearOf(network);
      if (linear) {
        const { threads } = gpu.limits;
        const map = { window, positionsAcross: tile.cols, imageCols: extent(0).cols, count };
        dispatches.push({
          kernel: mapLinearKernel(linear, map, threads),
          control: shared.control,
          buffers: [image, shared.parameters, latents],
          workgroups: () => grid(Math.ceil(count * latent / threads)),
        });
      }
      const { prepared, places } = await gpu.prepare(dispatches);
      keep(places);
      return new MapEncoder(gpu, tile, window, image, latents, count * latent, made, prepared);
    } catch (error) {
      made.forEach((buffer) => buffer.destroy());
      throw error;
    }
  }

  /**
   * Submits the patches that start at `row`, `col` and on; returns where their latents (tile rows x tile columns x latent)
   * lie until the next call.
   */
  encode(image_HW: Float32Array, cols: number, at: { row: number; col: number }): BufferPart {
    const height = this.tile.rows + this.window - 1;
    const width = this.tile.cols + this.window - 1;
    const part_HW = new Float32Array(height * width);
    for (let row = 0; row < height; row++) {
      const start = (at.row + row) * cols + at.col;
      part_HW.set(image_HW.subarray(start, start + width), row * width);
    }
    this.gpu.write(this.image, part_HW);
    this.gpu.submit([{ dispatches: this.dispatches, n: 1, control: 0 }]);
    return { buffer: this.latents, floats: this.latentFloats };
  }

  destroy(): void {
    this.buffers.forEach((buffer) => buffer.destroy());
  }
}

function encoderSteps(network: Network): readonly Step[] {
  return planInference(network, 1, "encode").steps;
}

function stagesOf(network: Network) {
  return encoderSteps(network).filter((step) => step.kind === "evalStage");
}

function denseOf(network: Network) {
  return encoderSteps(network).find((step) => step.kind === "dense")!;
}

function linearOf(network: Network) {
  return encoderSteps(network).filter((step) => step.kind === "dense").find((step) => step.added);
}
