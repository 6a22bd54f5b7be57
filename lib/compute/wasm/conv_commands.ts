import { float, MODE } from "./kernel_ops.ts";
import type { Command } from "./kernel_ops.ts";
import { planeFloats, POINT_PAD, pointsAcross } from "./tile_classes.ts";
import type { PlacedClass } from "./tile_classes.ts";
import type { Stage } from "./wasm_model.ts";

const TILE_SCRATCH = 53 * 256;
const MOST_GROUPS = 8;

/** Tiles of one job. Depends on the channels alone, so that sums are cut the same way on every machine. */
export function chunkTiles(channels: number): number {
  return Math.max(4, 2 * Math.floor(16 / Math.ceil(channels / 64)));
}

export function chunkCount(tile: PlacedClass, samples: number, channels: number): number {
  return Math.ceil(samples * tile.tilesPerSample / chunkTiles(channels));
}

/** Tiles of a chunk inside a group of a weight gradient. */
function weightChunkTiles(channels: number): number {
  return 2 * chunkTiles(channels);
}

/** Bytes of a thread's own that convolutions want: one tile, and the points of the largest chunk on both sides. */
export function convolveScratch(channels: number): number {
  const pointBytes = Math.ceil(channels / 64) * weightChunkTiles(channels) * 256 + POINT_PAD;
  return Math.max(TILE_SCRATCH + 2 * 36 * pointBytes, 42 * 4 * channels);
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
  let parts = 0;
  return tiles.map((tile) => {
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
      tile.across,
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

/** Tiles of a group: the pieces that a weight gradient is summed over. As many for any number of threads. */
function groupTiles(tile: PlacedClass, samples: number): number {
  const tiles = samples * tile.tilesPerSample;
  const groups = Math.max(2, Math.min(MOST_GROUPS, Math.ceil(tiles / 64)));
  return Math.max(4, 2 * Math.ceil(tiles / groups / 2));
}

function groupCount(tile: PlacedClass, samples: number): number {
  return Math.ceil(samples * tile.tilesPerSample / groupTiles(tile, samples));
}

/** Groups of all classes. */
export function groupsOf(tiles: readonly PlacedClass[], samples: number): number {
  return tiles.reduce((sum, tile) => sum + groupCount(tile, samples), 0);
}

/** Floats of the slabs of all groups. */
export function slabFloats(tiles: readonly PlacedClass[], samples: number, channels: number): number {
  return tiles.reduce((sum, tile) => sum + groupCount(tile, samples) * tile.points * planeFloats(channels), 0);
}

export interface WeightOptions {
  readonly samples: number;
  readonly channels: number;
  /** What the convolution read. */
  readonly input: number;
  readonly affine: number;
  /** Gradient of the batch norm's output, its input, the gradient of a pyramid's total or 0, d(conv output). */
  readonly dy: number;
  readonly activation: number;
  readonly total: number;
  readonly dz: number;
  /** Three rows: alpha, beta, gamma. */
  readonly coefficients: number;
  readonly biasSums: number;
  readonly slabs: number;
  /** The weight's gradient. */
  readonly gradient: number;
}

/** Back through batch norm and leaky ReLU with the weight gradient at the points; then (a stage later) to the taps. */
export function weightCommands(stage: Stage, options: WeightOptions): { points: Command[]; taps: Command } {
  const { samples, channels, affine, coefficients } = options;
  const slabs: number[] = [];
  let groups = 0, slab = options.slabs;
  const points = stage.tiles.map((tile): Command => {
    const jobs = groupCount(tile, samples);
    const args = [
      ...tileArgs(tile, samples),
      options.input,
      4 * (stage.upsampled ? stage.pixels / 4 : stage.pixels) * channels,
      affine,
      affine + 4 * channels,
      channels,
      slab,
      options.dy,
      options.activation,
      options.total,
      options.dz,
      weightChunkTiles(channels),
      4 * stage.pixels * channels,
      channels,
      ...[0, 1, 2].map((row) => coefficients + 4 * row * channels),
      float(stage.unit.slope),
      options.biasSums + groups * 4 * channels,
      groupTiles(tile, samples),
    ];
    for (let i = 0; i < jobs; i++, slab += 4 * tile.points * planeFloats(channels)) {
      slabs.push(slab, tile.tileRows, tile.tileCols);
    }
    groups += jobs;
    return { op: "weightGradient", jobs, args };
  });
  const args = [groups, options.gradient, channels, channels, stage.tapRows, pointsAcross(stage.conv), ...slabs];
  return { points, taps: { op: "weightTaps", jobs: channels, args } };
}

/** Filter points of a stage's convolution, or of its input gradient, to `to`. */
export function filterCommand(
  stage: Stage,
  weight: number,
  channels: number,
  back: boolean,
  to = back ? stage.filterBack : stage.filter,
): Command {
  return {
    op: "filterPoints",
    jobs: channels / 8,
    args: [weight, to, channels, channels, stage.tapRows, back ? 1 : 0, pointsAcross(stage.conv)],
  };
}
