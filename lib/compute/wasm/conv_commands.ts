import { float, MODE } from "./kernel_ops.ts";
import type { Command } from "./kernel_ops.ts";
import type { PlacedClass, Stage } from "./wasm_model.ts";

/** Bytes between points, so that they do not fall into one cache set (kernels/winograd.ts). */
const POINT_PAD = 64;
const TILE_SCRATCH = 52 * 256;

/** Tiles of one job. Depends on the channels alone, so that sums are cut the same way on every machine. */
export function chunkTiles(channels: number): number {
  return Math.max(4, 2 * Math.floor(16 / Math.ceil(channels / 64)));
}

export function chunkCount(tile: PlacedClass, samples: number, channels: number): number {
  return Math.ceil(samples * tile.tilesPerSample / chunkTiles(channels));
}

function pointBytes(channels: number): number {
  return Math.ceil(channels / 64) * chunkTiles(channels) * 256 + POINT_PAD;
}

/** Bytes of a thread's own that `convolve` wants: one tile, and one chunk's points on both sides. */
export function convolveScratch(channels: number): number {
  return TILE_SCRATCH + 2 * 36 * pointBytes(channels);
}

/** Where each class's points start, in bytes from the start of the first, and where the last ends. */
export function pointOffsets(tiles: readonly PlacedClass[], samples: number, channels: number): number[] {
  const offsets = [0];
  for (const tile of tiles) {
    offsets.push(offsets.at(-1)! + chunkCount(tile, samples, channels) * tile.points * pointBytes(channels));
  }
  return offsets;
}

export interface ConvolveOptions {
  readonly samples: number;
  readonly channels: number;
  readonly input: number;
  readonly inputPixels: number;
  /** Two rows, scale and shift, applied to the input. */
  readonly affine: number;
  readonly filter: number;
  readonly output: number;
  readonly outputPixels: number;
  /** Where to keep the input's points, class after class; absent: they are not kept. */
  readonly points?: number;
  readonly mode: keyof typeof MODE;
  readonly bias?: number;
  readonly slope?: number;
  readonly outAffine?: number;
  readonly total?: number;
  readonly totalMode?: 0 | 1 | 2;
  readonly added?: number;
  readonly activation?: number;
  readonly sums?: number;
}

/** One command for each class of tiles; partial sums of the classes follow each other. */
export function convolveCommands(tiles: readonly PlacedClass[], options: ConvolveOptions): Command[] {
  const { samples, channels, affine, sums = 0, outAffine = 0 } = options;
  const offsets = pointOffsets(tiles, samples, channels);
  let parts = 0;
  return tiles.map((tile, i) => {
    const jobs = chunkCount(tile, samples, channels);
    const args = [
      ...tileArgs(tile, samples),
      options.input,
      4 * options.inputPixels * channels,
      affine,
      affine + 4 * channels,
      channels,
      options.filter,
      options.output,
      4 * options.outputPixels * channels,
      channels,
      options.points === undefined ? 0 : options.points + offsets[i],
      chunkTiles(channels),
      MODE[options.mode],
      options.bias ?? 0,
      float(options.slope ?? 0),
      outAffine,
      outAffine + 4 * channels,
      options.total ?? 0,
      options.totalMode ?? 0,
      options.added ?? 0,
      options.activation ?? 0,
      sums === 0 ? 0 : sums + parts * 8 * channels,
    ];
    parts += jobs;
    return { op: "convolve", jobs, args };
  });
}

function tileArgs(tile: PlacedClass, samples: number): number[] {
  return [samples * tile.tilesPerSample, tile.tilesPerSample, tile.address, tile.tileRows, tile.tileCols];
}

/** Partial sums that all classes together leave. */
export function partCount(tiles: readonly PlacedClass[], samples: number, channels: number): number {
  return tiles.reduce((sum, tile) => sum + chunkCount(tile, samples, channels), 0);
}

export interface BackOptions {
  readonly samples: number;
  readonly channels: number;
  readonly gradient: number;
  readonly activation: number;
  /** Gradient of a pyramid's total, or 0. */
  readonly total: number;
  readonly output: number;
  /** Three rows: alpha, beta, gamma. */
  readonly coefficients: number;
  readonly points: number;
  readonly sums: number;
}

/** Back through batch norm and leaky ReLU, and the gradient's points. */
export function convolutionGradientCommands(stage: Stage, options: BackOptions): Command[] {
  const { samples, channels, coefficients } = options;
  const offsets = pointOffsets(stage.tilesBack, samples, channels);
  let parts = 0;
  return stage.tilesBack.map((tile, i) => {
    const jobs = chunkCount(tile, samples, channels);
    const args = [
      ...tileArgs(tile, samples),
      options.gradient,
      options.activation,
      options.total,
      options.output,
      4 * stage.pixels * channels,
      channels,
      ...[0, 1, 2].map((row) => coefficients + 4 * row * channels),
      float(stage.unit.slope),
      options.points + offsets[i],
      chunkTiles(channels),
      options.sums + parts * 4 * channels,
    ];
    parts += jobs;
    return { op: "convolutionGradient", jobs, args };
  });
}

/** The weight gradient at the points, and from there to the taps (in a later stage of the program). */
export function weightCommands(
  stage: Stage,
  options: {
    samples: number;
    channels: number;
    inputPoints: number;
    points: number;
    weightPoints: number;
    gradient: number;
  },
): { points: Command; taps: Command } {
  const { samples, channels, weightPoints } = options;
  const inY = stage.tapRows === 3 ? 6 : 1;
  const offsets = pointOffsets(stage.tiles, samples, channels);
  const classes = stage.tiles.flatMap((tile, i) => [
    samples * tile.tilesPerSample,
    tile.tileRows,
    tile.tileCols,
    options.inputPoints + offsets[i],
    options.points + offsets[i],
    chunkTiles(channels),
  ]);
  return {
    points: {
      op: "weightPoints",
      jobs: 6 * inY * Math.ceil(channels / 32),
      args: [weightPoints, channels, channels, inY, stage.tiles.length, ...classes],
    },
    taps: {
      op: "weightTaps",
      jobs: channels,
      args: [weightPoints, options.gradient, channels, channels, stage.tapRows],
    },
  };
}

export function filterCommand(stage: Stage, weight: number, channels: number, back: boolean): Command {
  const to = back ? stage.filterBack : stage.filter;
  return { op: "filterPoints", jobs: channels, args: [weight, to, channels, channels, stage.tapRows, back ? 1 : 0] };
}
