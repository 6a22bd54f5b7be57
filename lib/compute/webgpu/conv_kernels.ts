import { NORM_EPS } from "../step.ts";
import type { Step } from "../step.ts";
import { convConstants, matrixKernel, neighbourFunction, tileFor } from "./matrix_kernel.ts";
import { makeKernel } from "./gpu_kernel.ts";
import type { Access, Kernel } from "./gpu_kernel.ts";

type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/**
 * Forward convolution: rows of the product are positions of the batch, its depth is (tap, channel in).
 * Buffers: input, parameters, then by kind: `conv` output; `stage` activation, partial moments; `evalStage` output
 * and/or total.
 */
export function convKernel(step: StepOf<"conv" | "stage" | "evalStage">): Kernel {
  const { conv, weight, bias } = step;
  const finish = step.kind === "conv" ? storeConv() : step.kind === "stage" ? storeStage(step) : storeEval(step);
  return matrixKernel({
    label: `${step.kind} ${step.label}`,
    tile: tileFor(conv.channelsOut),
    buffers: { source: "read", parameters: "read", ...finish.buffers },
    constants: {
      ...convConstants(conv),
      COLS: conv.channelsOut,
      ...finish.constants,
    },
    place: { DILATION: conv.dilation, WEIGHT: weight.offset, BIAS: bias.offset, ...finish.place },
    operands: `
fn row_count() -> u32 { return control.n * IMAGE_ROWS * IMAGE_COLS; }
${neighbourFunction(conv, 1)}
fn left(row: u32, k: u32) -> f32 {
  let near = neighbour(row, k / CHANNELS_IN);
  if (near < 0) { return 0.0; }
  return source[u32(near) * CHANNELS_IN + k % CHANNELS_IN];
}
fn right(k: u32, col: u32) -> f32 { return parameters[place.WEIGHT + k * CHANNELS_OUT + col]; }
`,
    range: { from: "0u", to: "TAPS * CHANNELS_IN" },
    leftByDepth: conv.channelsIn > 1,
    rightByDepth: false,
    declare: finish.declare,
    finish: finish.code,
  });
}

/** Gradient of a convolution's input: the mirrored kernel, transposed. Buffers: gradConv, parameters, gradInput. */
export function convInputGradientKernel({ conv, weight, label }: StepOf<"convInputGradient">): Kernel {
  return matrixKernel({
    label: `input gradient ${label}`,
    tile: tileFor(conv.channelsIn),
    buffers: { source: "read", parameters: "read", result: "write" },
    constants: { ...convConstants(conv), COLS: conv.channelsIn },
    place: { DILATION: conv.dilation, WEIGHT: weight.offset },
    operands: `
fn row_count() -> u32 { return control.n * IMAGE_ROWS * IMAGE_COLS; }
${neighbourFunction(conv, -1)}
fn left(row: u32, k: u32) -> f32 {
  let near = neighbour(row, k / CHANNELS_OUT);
  if (near < 0) { return 0.0; }
  return source[u32(near) * CHANNELS_OUT + k % CHANNELS_OUT];
}
fn right(k: u32, col: u32) -> f32 {
  return parameters[place.WEIGHT + (k / CHANNELS_OUT * CHANNELS_IN + col) * CHANNELS_OUT + k % CHANNELS_OUT];
}
`,
    range: { from: "0u", to: "TAPS * CHANNELS_OUT" },
    leftByDepth: conv.channelsOut > 1,
    rightByDepth: conv.channelsOut > 1,
    finish: forEachResult("result[row * COLS + col] = value;"),
  });
}

/** How the weight gradient's long sum over positions is split so that enough workgroups have work. */
export function weightGradientSplit(step: StepOf<"convWeightGradient">, batch: number) {
  const { rows, cols, kernelRows, kernelCols, channelsIn, channelsOut } = step.conv;
  const tile = tileFor(channelsOut);
  const weightRows = kernelRows * kernelCols * channelsIn;
  const tiles = Math.ceil(weightRows / tile.rows) * Math.ceil(channelsOut / tile.cols);
  const depth = batch * rows * cols;
  const splits = Math.max(1, Math.min(Math.ceil(512 / tiles), Math.ceil(depth / 64)));
  return { tile, weightRows, splits, perSplit: Math.ceil(depth / splits) };
}

/**
 * Partial gradients of weight (rows (tap, channel in)) and, one row further, of bias: each split of the positions gives
 * its own. Buffers: input, gradConv, partials.
 */
export function convWeightGradientKernel(step: StepOf<"convWeightGradient">, batch: number): Kernel {
  const { conv, label } = step;
  const { tile, weightRows, perSplit } = weightGradientSplit(step, batch);
  const colTiles = Math.ceil(conv.channelsOut / tile.cols);
  return matrixKernel({
    label: `weight gradient ${label}`,
    tile,
    buffers: { source: "read", gradient: "read", result: "write" },
    constants: { ...convConstants(conv), ROWS: weightRows, COLS: conv.channelsOut },
    place: { DILATION: conv.dilation, PER_SPLIT: perSplit },
    operands: `
fn row_count() -> u32 { return ROWS; }
${neighbourFunction(conv, 1)}
fn left(row: u32, k: u32) -> f32 {
  let near = neighbour(k, row / CHANNELS_IN);
  if (near < 0) { return 0.0; }
  return source[u32(near) * CHANNELS_IN + row % CHANNELS_IN];
}
fn right(k: u32, col: u32) -> f32 { return gradient[k * CHANNELS_OUT + col]; }
`,
    range: {
      from: `group.y / ${colTiles}u * place.PER_SPLIT`,
      to: "min(k_from + place.PER_SPLIT, control.n * IMAGE_ROWS * IMAGE_COLS)",
    },
    leftByDepth: false,
    rightByDepth: false,
    declare: "var<private> bias_sum: f32 = 0.0;",
    each: `    if (tile_row == 0u && lane < TILE_COLS) {
      for (var k = 0u; k < DEPTH; k++) { bias_sum += right_slice[k * ${tile.cols + 1}u + lane]; }
    }`,
    finish: `
  let base = group.y / ${colTiles}u * (ROWS + 1u) * COLS;
  if (tile_row == 0u && lane < TILE_COLS && tile_col0 + lane < COLS) {
    result[base + ROWS * COLS + tile_col0 + lane] = bias_sum;
  }
${forEachResult("result[base + row * COLS + col] = value;")}`,
  });
}

/** Sums the splits' partial gradients. Buffers: partials, gradients. */
export function sumSplitsKernel(step: StepOf<"convWeightGradient">, batch: number, threads: number): Kernel {
  const { weightRows, splits } = weightGradientSplit(step, batch);
  const constants = {
    WEIGHTS: weightRows * step.conv.channelsOut,
    COUNT: (weightRows + 1) * step.conv.channelsOut,
  };
  const place = { SPLITS: splits, WEIGHT: step.weight.offset, BIAS: step.bias.offset };
  return makeKernel(
    `sum of splits ${step.label}`,
    { buffers: { partials: "read", gradients: "write" }, constants, place },
    `
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
  var sum = 0.0;
  for (var split = 0u; split < place.SPLITS; split++) { sum += partials[split * COUNT + i]; }
  if (i < WEIGHTS) { gradients[place.WEIGHT + i] = sum; } else { gradients[place.BIAS + i - WEIGHTS] = sum; }
}
`,
  );
}

/** How a matrix product's sums become results. */
export interface Finish {
  buffers: Record<string, Access>;
  constants: Record<string, number>;
  place?: Record<string, number>;
  code: string;
  declare?: string;
}

/** Runs `code` for each of the thread's 4 x 4 sums that lies inside, as `value` at `row`, `col`. */
function forEachResult(code: string): string {
  return `
  var all = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  for (var i = 0u; i < 16u; i++) {
    let row = row0 + i / 4u;
    let col = col0 + i % 4u;
    if (row < row_count() && col < COLS) {
      let value = all[i / 4u][i % 4u];
      ${code}
    }
  }`;
}

function storeConv(): Finish {
  const code = forEachResult("result[row * COLS + col] = value + parameters[place.BIAS + col];");
  return { buffers: { result: "write" }, constants: {}, code };
}

/** Leaky ReLU, and mean and sum of squared deviations of each column of the tile (merged later, Chan's way). */
function storeStage({ slope }: StepOf<"stage">): Finish {
  const rows = [0, 1, 2, 3];
  const inside = (i: number) => `f32(row0 + ${i}u < row_count())`;
  return {
    buffers: { result: "write", partials: "write" },
    constants: { SLOPE: slope },
    declare: "var<workgroup> column: array<f32, THREADS * 4u>;",
    code: `
  var bias = vec4f();
  for (var j = 0u; j < 4u; j++) { if (col0 + j < COLS) { bias[j] = parameters[place.BIAS + col0 + j]; } }
${rows.map((i) => `  sum${i} += bias; sum${i} = select(SLOPE * sum${i}, sum${i}, sum${i} > vec4f());`).join("\n")}
${forEachResult("result[row * COLS + col] = value;")}
  let tile_count = f32(min(TILE_ROWS, row_count() - min(tile_row0, row_count())));
  let slot = lane / (TILE_COLS / 4u) * TILE_COLS + thread_col;
  let total = ${rows.map((i) => `sum${i} * ${inside(i)}`).join(" + ")};
  for (var j = 0u; j < 4u; j++) { column[slot + j] = total[j]; }
  workgroupBarrier();
  var mean = vec4f();
  for (var r = thread_col; r < THREADS * 4u; r += TILE_COLS) {
    mean += vec4f(column[r], column[r + 1u], column[r + 2u], column[r + 3u]);
  }
  mean /= max(tile_count, 1.0);
  workgroupBarrier();
${rows.map((i) => `  let off${i} = (sum${i} - mean) * ${inside(i)};`).join("\n")}
  let squares = ${rows.map((i) => `off${i} * off${i}`).join(" + ")};
  for (var j = 0u; j < 4u; j++) { column[slot + j] = squares[j]; }
  workgroupBarrier();
  if (thread_row == 0u) {
    var spread = vec4f();
    for (var r = thread_col; r < THREADS * 4u; r += TILE_COLS) {
      spread += vec4f(column[r], column[r + 1u], column[r + 2u], column[r + 3u]);
    }
    for (var j = 0u; j < 4u; j++) {
      if (col0 + j < COLS) {
        partials[(tile_row * COLS + col0 + j) * 2u] = mean[j];
        partials[(tile_row * COLS + col0 + j) * 2u + 1u] = spread[j];
      }
    }
  }
`,
  };
}

/** Leaky ReLU, batch norm by running statistics, and the pyramid's total. */
export function storeEval(step: StepOf<"evalStage">): Finish {
  const { norm, output, total } = step;
  const code = `
          let plain = value + parameters[place.BIAS + col];
          let a = select(SLOPE * plain, plain, plain > 0.0);
          let factor = parameters[place.GAMMA + col] * inverseSqrt(parameters[place.VARIANCE + col] + EPS);
          let y = (a - parameters[place.MEAN + col]) * factor + parameters[place.BETA + col];
          ${output === undefined ? "" : "result[row * COLS + col] = y;"}
          ${total ? `total[row * COLS + col] ${total.first ? "=" : "+="} plain + a + y;` : ""}`;
  return {
    buffers: {
      ...(output === undefined ? {} : { result: "write" as const }),
      ...(total ? { total: "write" as const } : {}),
    },
    constants: { SLOPE: step.slope, EPS: NORM_EPS },
    place: {
      GAMMA: norm.gamma.offset,
      BETA: norm.beta.offset,
      MEAN: norm.runningMean.offset,
      VARIANCE: norm.runningVar.offset,
    },
    code: forEachResult(code),
  };
}
