import type { ConvGeometry } from "../network_units.ts";
import { makeKernel } from "./gpu_kernel.ts";
import type { Access, Kernel } from "./gpu_kernel.ts";

/** How a workgroup's share of a matrix product is cut: rows x cols of the result, each thread 4 x 4 of them. */
export interface Tile {
  readonly rows: number;
  readonly cols: number;
}

/** Depth of the slices of both factors that a workgroup keeps in its memory. */
const DEPTH = 16;

/** A tile for results with this many columns: at most 128 threads and 9 KiB, which every WebGPU adapter has. */
export function tileFor(cols: number): Tile {
  const tileCols = Math.min(64, Math.max(4, 2 ** Math.ceil(Math.log2(cols))));
  return { rows: Math.min(128, 2048 / tileCols), cols: tileCols };
}

/**
 * A tiled matrix product as WGSL. `operands` defines `left(row, k)` and `right(k, col)` over `ROWS`, `COLS` and the
 * range `K_FROM..K_TO` (expressions); `finish` sees the 4 x 4 sums `sum0..sum3: vec4f` at `row0`, `col0`.
 * `leftByDepth` and `rightByDepth` say which index neighbouring threads should differ in when they load.
 */
export interface MatrixProduct {
  readonly label: string;
  readonly tile: Tile;
  readonly buffers: Readonly<Record<string, Access>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly place?: Readonly<Record<string, number>>;
  readonly operands: string;
  readonly range: { from: string; to: string };
  readonly leftByDepth: boolean;
  readonly rightByDepth: boolean;
  /** Runs after each slice was multiplied, with `right_slice` still there. */
  readonly each?: string;
  readonly declare?: string;
  readonly finish: string;
}

export function matrixKernel(product: MatrixProduct): Kernel {
  const { rows, cols } = product.tile;
  const threads = rows / 4 * cols / 4;
  const constants = { ...product.constants, TILE_ROWS: rows, TILE_COLS: cols, DEPTH, THREADS: threads };
  const body = `
${product.operands}
var<workgroup> left_slice: array<f32, ${DEPTH * (rows + 1)}>;
var<workgroup> right_slice: array<f32, ${DEPTH * (cols + 1)}>;
${product.declare ?? ""}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile_row = group.z * groups.x + group.x;
  let tile_row0 = tile_row * TILE_ROWS;
  let tile_col0 = (group.y % ${Math.ceil(product.constants.COLS / cols)}u) * TILE_COLS;
  let thread_row = (lane / ${cols / 4}u) * 4u;
  let thread_col = (lane % ${cols / 4}u) * 4u;
  let row0 = tile_row0 + thread_row;
  let col0 = tile_col0 + thread_col;
  let k_from = ${product.range.from};
  let k_to = ${product.range.to};
  var sum0 = vec4f(); var sum1 = vec4f(); var sum2 = vec4f(); var sum3 = vec4f();
  for (var k0 = k_from; k0 < k_to; k0 += DEPTH) {
${loadSlice("left", rows, product.leftByDepth)}
${loadSlice("right", cols, product.rightByDepth)}
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let l = k * ${rows + 1}u + thread_row;
      let r = k * ${cols + 1}u + thread_col;
      let b = vec4f(right_slice[r], right_slice[r + 1u], right_slice[r + 2u], right_slice[r + 3u]);
      sum0 += left_slice[l] * b;
      sum1 += left_slice[l + 1u] * b;
      sum2 += left_slice[l + 2u] * b;
      sum3 += left_slice[l + 3u] * b;
    }
${product.each ?? ""}
    workgroupBarrier();
  }
${product.finish}
}
`;
  return makeKernel(product.label, { buffers: product.buffers, constants, place: product.place }, body);
}

function loadSlice(side: "left" | "right", extent: number, byDepth: boolean): string {
  const [k, at] = byDepth ? ["i % DEPTH", "i / DEPTH"] : [`i / ${extent}u`, `i % ${extent}u`];
  const [limit, args] = side === "left" ? ["ROWS", "tile_row0 + at, k0 + k"] : ["COLS", "k0 + k, tile_col0 + at"];
  const origin = side === "left" ? "tile_row0" : "tile_col0";
  const count = side === "left" ? "row_count()" : limit;
  return `    for (var i = lane; i < ${DEPTH * extent}u; i += THREADS) {
      let k = ${k};
      let at = ${at};
      var value = 0.0;
      if (k0 + k < k_to && ${origin} + at < ${count}) { value = ${side}(${args}); }
      ${side}_slice[k * ${extent + 1}u + at] = value;
    }`;
}

/** Constants of a convolution's geometry for WGSL. */
export function convConstants(conv: ConvGeometry): Record<string, number> {
  return {
    IMAGE_ROWS: conv.rows,
    IMAGE_COLS: conv.cols,
    CHANNELS_IN: conv.channelsIn,
    CHANNELS_OUT: conv.channelsOut,
    TAPS: conv.kernelRows * conv.kernelCols,
  };
}

/**
 * WGSL `neighbour(position, tap) -> i32`: where the tap of an output position reads, counted through the batch, or -1
 * in the zero padding; `sign` -1 mirrors the kernel. Wants `DILATION` in the kernel's `place`.
 */
export function neighbourFunction(conv: ConvGeometry, sign: 1 | -1): string {
  const shift = (index: string, kernel: number) => kernel === 1 ? "0" : `(i32(${index}) - 1) * ${sign * conv.dilation}`;
  return `
fn neighbour(position: u32, tap: u32) -> i32 {
  let down = ${shift(`tap / ${conv.kernelCols}u`, conv.kernelRows)};
  let right = ${shift(`tap % ${conv.kernelCols}u`, conv.kernelCols)};
  let row = i32(position / IMAGE_COLS % IMAGE_ROWS) + down;
  let col = i32(position % IMAGE_COLS) + right;
  if (row < 0 || row >= i32(IMAGE_ROWS) || col < 0 || col >= i32(IMAGE_COLS)) { return -1; }
  return i32(position) + down * i32(IMAGE_COLS) + right;
}
`;
}
