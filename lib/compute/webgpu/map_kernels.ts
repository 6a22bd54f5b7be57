import type { Step } from "../step.ts";
import { storeEval } from "./conv_kernels.ts";
import { elementwise, makeKernel } from "./gpu_kernel.ts";
import type { Kernel } from "./gpu_kernel.ts";
import { matrixKernel, tileFor } from "./matrix_kernel.ts";

type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/** Extents of the extended image (extended_axis.ts) before and after a convolution. */
export interface MapExtent {
  readonly rows: number;
  readonly cols: number;
  readonly colsBefore: number;
}

/**
 * An encoder stage over extended axes: cells are rows of the product, tables say where a tap reads.
 * Buffers: input, parameters, row table, column table, output.
 */
export function mapStageKernel(step: StepOf<"evalStage">, extent: MapExtent): Kernel {
  const finish = storeEval(step);
  const { channelsIn, channelsOut } = step.conv;
  return matrixKernel({
    label: `map ${step.label}`,
    tile: tileFor(channelsOut),
    buffers: { source: "read", parameters: "read", rowTable: "read", colTable: "read", ...finish.buffers },
    constants: { CHANNELS_IN: channelsIn, COLS: channelsOut, ...finish.constants },
    place: {
      CELL_ROWS: extent.rows,
      CELL_COLS: extent.cols,
      COLS_BEFORE: extent.colsBefore,
      WEIGHT: step.weight.offset,
      BIAS: step.bias.offset,
      ...finish.place,
    },
    operands: `
fn row_count() -> u32 { return place.CELL_ROWS * place.CELL_COLS; }
fn left(row: u32, k: u32) -> f32 {
  let tap = k / CHANNELS_IN;
  let near_row = i32(rowTable[row / place.CELL_COLS * 3u + tap / 3u]);
  let near_col = i32(colTable[row % place.CELL_COLS * 3u + tap % 3u]);
  if (near_row < 0 || near_col < 0) { return 0.0; }
  return source[(u32(near_row) * place.COLS_BEFORE + u32(near_col)) * CHANNELS_IN + k % CHANNELS_IN];
}
fn right(k: u32, col: u32) -> f32 { return parameters[place.WEIGHT + k * COLS + col]; }
`,
    range: { from: "0u", to: "9u * CHANNELS_IN" },
    leftByDepth: channelsIn > 1,
    rightByDepth: false,
    finish: finish.code,
  });
}

/**
 * The dense layer of every patch: one latent of one position a workgroup, gathered from the extended image.
 * Buffers: input, parameters, rows of each patch, columns of each patch, output.
 */
export function mapDenseKernel(
  step: StepOf<"dense">,
  place: { window: number; positionsAcross: number; cellCols: number; count: number },
  threads: number,
): Kernel {
  const { featuresIn, featuresOut, order } = step;
  const channels = featuresIn / place.window ** 2;
  const weight = order === "outIn" ? "latent * FEATURES + k" : "k * LATENTS + latent";
  return makeKernel(
    `map ${step.label}`,
    {
      buffers: { source: "read", parameters: "read", rowCells: "read", colCells: "read", result: "write" },
      constants: { WINDOW: place.window, CHANNELS: channels, FEATURES: featuresIn, LATENTS: featuresOut },
      place: {
        ACROSS: place.positionsAcross,
        CELL_COLS: place.cellCols,
        COUNT: place.count * featuresOut,
        WEIGHT: step.weight.offset,
        BIAS: step.bias.offset,
      },
    },
    `
var<workgroup> sums: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.z * groups.x + group.x;
  let latent = i % LATENTS;
  let patch_row = i / LATENTS / place.ACROSS;
  let patch_col = i / LATENTS % place.ACROSS;
  var sum = 0.0;
  if (i < place.COUNT) {
    for (var k = lane; k < FEATURES; k += ${threads}u) {
      let cell = k / CHANNELS;
      let row = u32(rowCells[patch_row * WINDOW + cell / WINDOW]);
      let col = u32(colCells[patch_col * WINDOW + cell % WINDOW]);
      sum += source[(row * place.CELL_COLS + col) * CHANNELS + k % CHANNELS] * parameters[place.WEIGHT + ${weight}];
    }
  }
  sums[lane] = sum;
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u && i < place.COUNT) { result[i] = sums[0] + parameters[place.BIAS + latent]; }
}
`,
  );
}

/** The linear path of every patch, added to its latents: a thread each. Buffers: image tile, parameters, latents. */
export function mapLinearKernel(
  step: StepOf<"dense">,
  place: { window: number; positionsAcross: number; imageCols: number; count: number },
  threads: number,
): Kernel {
  const { featuresIn, featuresOut, order } = step;
  const weight = order === "outIn" ? "latent * FEATURES + k" : "k * LATENTS + latent";
  return makeKernel(
    `map ${step.label}`,
    {
      buffers: { source: "read", parameters: "read", result: "write" },
      constants: { WINDOW: place.window, FEATURES: featuresIn, LATENTS: featuresOut },
      place: {
        ACROSS: place.positionsAcross,
        IMAGE_COLS: place.imageCols,
        COUNT: place.count * featuresOut,
        WEIGHT: step.weight.offset,
        BIAS: step.bias.offset,
      },
    },
    elementwise(
      threads,
      "place.COUNT",
      `
  let latent = i % LATENTS;
  let corner = i / LATENTS / place.ACROSS * place.IMAGE_COLS + i / LATENTS % place.ACROSS;
  var sum = parameters[place.BIAS + latent];
  for (var k = 0u; k < FEATURES; k++) {
    sum += source[corner + k / WINDOW * place.IMAGE_COLS + k % WINDOW] * parameters[place.WEIGHT + ${weight}];
  }
  result[i] += sum;`,
    ),
  );
}
