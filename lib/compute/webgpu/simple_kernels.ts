import { ADAM } from "../optimiser.ts";
import type { Step } from "../step.ts";
import { elementwise, makeKernel } from "./gpu_kernel.ts";
import type { Kernel } from "./gpu_kernel.ts";

type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/**
 * result (N, floats) = the named samples, with noise where its factor is not 0 (`noiseOf` of optimiser.ts).
 * Buffers: samples, indices (whole numbers below 2^24), result.
 */
export function gatherKernel(floats: number, threads: number, noiseFactor: number): Kernel {
  const sample = "samples[u32(indices[control.first + i / FLOATS]) * FLOATS + i % FLOATS]";
  return makeKernel(
    "gather",
    { buffers: { samples: "read", indices: "read", result: "write" }, constants: { FLOATS: floats } },
    noiseFactor === 0 ? elementwise(threads, "control.n * FLOATS", `  result[i] = ${sample};`) : `
fn mix_bits(value: u32) -> u32 {
  var h = value;
  h = (h ^ (h >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  return h ^ (h >> 16u);
}
${
      elementwise(
        threads,
        "control.n * FLOATS",
        `
  let key = mix_bits(control.noiseKey ^ ((i / FLOATS + 1u) * 0x85ebca6bu));
  let a = mix_bits(key + (2u * (i % FLOATS) + 1u) * 0x9e3779b9u);
  let b = mix_bits(key + (2u * (i % FLOATS) + 2u) * 0x9e3779b9u);
  let sum = i32((a & 0xffffu) + (a >> 16u) + (b & 0xffffu) + (b >> 16u)) - 131070;
  result[i] = ${sample} + f32(sum) * ${noiseFactor.toExponential()}f;`,
      )
    }`,
  );
}

/** result (N, floats) = the samples from control.first on. Buffers: samples, result. */
export function takeKernel(floats: number, threads: number): Kernel {
  return makeKernel(
    "take",
    { buffers: { samples: "read", result: "write" }, constants: { FLOATS: floats } },
    elementwise(threads, "control.n * FLOATS", "  result[i] = samples[control.first * FLOATS + i];"),
  );
}

/** Buffers: input, output. */
export function upsampleKernel(step: StepOf<"upsample">, threads: number): Kernel {
  return makeKernel(
    "upsample",
    { buffers: { source: "read", result: "write" }, constants: upsampleConstants(step) },
    elementwise(
      threads,
      "control.n * 4u * CELLS",
      `
  let position = i / CHANNELS;
  let row = position / (2u * COLS) / 2u; // through the batch
  let col = position % (2u * COLS) / 2u;
  result[i] = source[(row * COLS + col) * CHANNELS + i % CHANNELS];`,
    ),
  );
}

/** Buffers: gradOutput, gradInput. */
export function upsampleGradientKernel(step: StepOf<"upsampleGradient">, threads: number): Kernel {
  return makeKernel(
    "upsample gradient",
    { buffers: { source: "read", result: "write" }, constants: upsampleConstants(step) },
    elementwise(
      threads,
      "control.n * CELLS",
      `
  let position = i / CHANNELS;
  let corner = (position / COLS * 2u * 2u * COLS + position % COLS * 2u) * CHANNELS + i % CHANNELS;
  let below = corner + 2u * COLS * CHANNELS;
  result[i] = source[corner] + source[corner + CHANNELS] + source[below] + source[below + CHANNELS];`,
    ),
  );
}

function upsampleConstants({ rows, cols, channels }: { rows: number; cols: number; channels: number }) {
  return { COLS: cols, CHANNELS: channels, CELLS: rows * cols * channels };
}

/** Chunk of values whose squared errors one workgroup sums. */
export const LOSS_CHUNK = 4096;

/** gradOutput, and each chunk's sum of squared errors. Buffers: output, target, gradOutput, partials. */
export function lossKernel({ features }: StepOf<"loss">, threads: number): Kernel {
  return makeKernel(
    "loss",
    {
      buffers: { source: "read", wanted: "read", gradOutput: "write", partials: "write" },
      constants: { FEATURES: features },
    },
    `
var<workgroup> sums: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let count = control.n * FEATURES;
  let end = min((group.x + 1u) * ${LOSS_CHUNK}u, count);
  var sum = 0.0;
  for (var i = group.x * ${LOSS_CHUNK}u + lane; i < end; i += ${threads}u) {
    let difference = source[i] - wanted[i];
    sum += difference * difference;
    gradOutput[i] = 2.0 * difference / f32(count);
  }
  sums[lane] = sum;
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u) { partials[group.x] = sums[0]; }
}
`,
  );
}

/**
 * sums[lossAt + chunk] = the sum of weighted squared errors of output (N, features) against the targets from control.first
 * on. Buffers: output, targets, weights, sums.
 */
export function evaluationLossKernel(features: number, threads: number): Kernel {
  return makeKernel(
    "evaluation loss",
    {
      buffers: { source: "read", targets: "read", weights: "read", sums: "write" },
      constants: { FEATURES: features },
    },
    `
var<workgroup> partial: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let end = min((group.x + 1u) * ${LOSS_CHUNK}u, control.n * FEATURES);
  let start = control.first * FEATURES;
  var sum = 0.0;
  for (var i = group.x * ${LOSS_CHUNK}u + lane; i < end; i += ${threads}u) {
    let difference = source[i] - targets[start + i];
    sum += weights[start + i] * difference * difference;
  }
  partial[lane] = sum;
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  if (lane == 0u) { sums[control.lossAt + group.x] = partial[0]; }
}
`,
  );
}

/** losses[lossAt] = the mean of squares. Buffers: partials, losses. */
export function mergeLossKernel({ features }: StepOf<"loss">): Kernel {
  return makeKernel(
    "merge loss",
    { buffers: { partials: "read", losses: "write" }, constants: { FEATURES: features } },
    `
@compute @workgroup_size(1)
fn main() {
  let count = control.n * FEATURES;
  var sum = 0.0;
  for (var chunk = 0u; chunk * ${LOSS_CHUNK}u < count; chunk++) { sum += partials[chunk]; }
  losses[control.lossAt] = sum / f32(count);
}
`,
  );
}

/** Adam over the trained vector, after weight decay; the control block holds this step's factors. */
export function adamKernel(trainedSize: number, threads: number): Kernel {
  return makeKernel(
    "adam",
    {
      buffers: { gradients: "read", parameters: "write", adamM: "write", adamV: "write" },
      constants: { COUNT: trainedSize, BETA1: ADAM.beta1, BETA2: ADAM.beta2, EPS: ADAM.eps },
    },
    elementwise(
      threads,
      "COUNT",
      `
  let g = gradients[i];
  let m = BETA1 * adamM[i] + (1.0 - BETA1) * g;
  let v = BETA2 * adamV[i] + (1.0 - BETA2) * g * g;
  adamM[i] = m;
  adamV[i] = v;
  parameters[i] = parameters[i] * control.decay - control.rate * m / (sqrt(v) * control.scale + EPS);`,
    ),
  );
}
