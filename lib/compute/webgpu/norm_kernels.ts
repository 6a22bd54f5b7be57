import { NORM_EPS, NORM_MOMENTUM } from "../step.ts";
import type { Step } from "../step.ts";
import { elementwise, makeKernel } from "./gpu_kernel.ts";
import type { Kernel } from "./gpu_kernel.ts";

type StepOf<K extends Step["kind"]> = Extract<Step, { kind: K }>;

/** Lanes of a workgroup that merge one channel's partial results. */
const LANES = 64;

const MAIN = `
@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {`;

/**
 * Merges the tiles' means and squared deviations of one channel a workgroup (Chan, Golub and LeVeque 1979), writes mean
 * and 1 / sqrt(var + eps), and moves the running statistics. Buffers: partials, moments, parameters.
 */
export function mergeMomentsKernel(step: StepOf<"stage">, tileRows: number): Kernel {
  const constants = {
    POSITIONS: step.positions,
    CHANNELS: step.channels,
    TILE_ROWS: tileRows,
    EPS: NORM_EPS,
    MOMENTUM: NORM_MOMENTUM,
  };
  const place = { MEAN: step.norm.runningMean.offset, VARIANCE: step.norm.runningVar.offset };
  return makeKernel(
    `moments ${step.label}`,
    { buffers: { partials: "read", moments: "write", parameters: "write" }, constants, place },
    `
var<workgroup> merged: array<vec3f, ${LANES}>;
fn merge(a: vec3f, b: vec3f) -> vec3f { // mean, sum of squared deviations, count
  let count = a.z + b.z;
  if (count == 0.0) { return a; }
  let off = b.x - a.x;
  return vec3f(a.x + off * b.z / count, a.y + b.y + off * off * a.z * b.z / count, count);
}
${MAIN}
  let channel = group.x;
  let count = control.n * POSITIONS;
  var mine = vec3f();
  for (var tile = lane; tile * TILE_ROWS < count; tile += ${LANES}u) {
    let at = (tile * CHANNELS + channel) * 2u;
    mine = merge(mine, vec3f(partials[at], partials[at + 1u], f32(min(TILE_ROWS, count - tile * TILE_ROWS))));
  }
  merged[lane] = mine;
  for (var half = ${LANES / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { merged[lane] = merge(merged[lane], merged[lane + half]); }
  }
  if (lane > 0u) { return; }
  let mean = merged[0].x;
  let squares = merged[0].y;
  moments[channel] = mean;
  moments[CHANNELS + channel] = inverseSqrt(squares / f32(count) + EPS);
  let unbiased = squares / f32(max(count, 2u) - 1u);
  parameters[place.MEAN + channel] += MOMENTUM * (mean - parameters[place.MEAN + channel]);
  parameters[place.VARIANCE + channel] += MOMENTUM * (unbiased - parameters[place.VARIANCE + channel]);
}
`,
  );
}

/** Buffers: activation, moments, parameters, then output and/or total. */
export function normaliseKernel(step: StepOf<"normalise">, threads: number): Kernel {
  const { output, total, norm } = step;
  return makeKernel(
    `normalise ${step.label}`,
    {
      buffers: {
        activation: "read",
        moments: "read",
        parameters: "read",
        ...(output === undefined ? {} : { result: "write" as const }),
        ...(total ? { total: "write" as const } : {}),
      },
      constants: { POSITIONS: step.positions, CHANNELS: step.channels, SLOPE: step.slope },
      place: { GAMMA: norm.gamma.offset, BETA: norm.beta.offset },
    },
    elementwise(
      threads,
      "control.n * POSITIONS * CHANNELS",
      `
  let c = i % CHANNELS;
  let a = activation[i];
  let y = parameters[place.GAMMA + c] * (a - moments[c]) * moments[CHANNELS + c] + parameters[place.BETA + c];
  ${output === undefined ? "" : "result[i] = y;"}
  ${total ? `total[i] ${total.first ? "=" : "+="} select(a / SLOPE, a, a > 0.0) + a + y;` : ""}`,
    ),
  );
}

/** How the positions of a batch are cut for the sums over them: each workgroup takes `perChunk` of all channels. */
export function sumChunks(step: StepOf<"normaliseSums">, batch: number, threads: number) {
  const channelLanes = Math.min(threads, 2 ** Math.ceil(Math.log2(step.channels)));
  const rowLanes = threads / channelLanes;
  const positions = batch * step.positions;
  const perChunk = Math.max(4 * rowLanes, Math.ceil(positions / 256));
  return { channelLanes, rowLanes, perChunk, chunks: Math.ceil(positions / perChunk) };
}

/** Each chunk's sums of g and of g * xhat a channel. Buffers: activation, moments, [gradOutput], [gradTotal], partials. */
export function partialSumsKernel(step: StepOf<"normaliseSums">, batch: number, threads: number): Kernel {
  const { channelLanes, rowLanes, perChunk } = sumChunks(step, batch, threads);
  return makeKernel(
    `partial sums ${step.label}`,
    {
      buffers: { activation: "read", moments: "read", ...gradientBuffers(step), partials: "write" },
      constants: { POSITIONS: step.positions, CHANNELS: step.channels },
      place: { PER_CHUNK: perChunk },
    },
    `
var<workgroup> sums: array<vec2f, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = group.y * ${channelLanes}u + lane % ${channelLanes}u;
  let end = min((group.x + 1u) * place.PER_CHUNK, control.n * POSITIONS);
  var mine = vec2f();
  if (channel < CHANNELS) {
    let mean = moments[channel];
    let inverse = moments[CHANNELS + channel];
    for (var row = group.x * place.PER_CHUNK + lane / ${channelLanes}u; row < end; row += ${rowLanes}u) {
      let i = row * CHANNELS + channel;
      let g = ${gradientAt(step)};
      mine += vec2f(g, g * (activation[i] - mean) * inverse);
    }
  }
  sums[lane] = mine;
  for (var half = ${threads / 2}u; half >= ${channelLanes}u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane < ${channelLanes}u && channel < CHANNELS) {
    partials[(group.x * CHANNELS + channel) * 2u] = sums[lane].x;
    partials[(group.x * CHANNELS + channel) * 2u + 1u] = sums[lane].y;
  }
}
`,
  );
}

/** Gradients of beta and gamma: the chunks' sums, one channel a workgroup. Buffers: partials, gradients. */
export function mergeSumsKernel(step: StepOf<"normaliseSums">, batch: number, threads: number): Kernel {
  const { perChunk } = sumChunks(step, batch, threads);
  return makeKernel(
    `sums ${step.label}`,
    {
      buffers: { partials: "read", gradients: "write" },
      constants: { POSITIONS: step.positions, CHANNELS: step.channels },
      place: { PER_CHUNK: perChunk, GAMMA: step.norm.gamma.offset, BETA: step.norm.beta.offset },
    },
    `
var<workgroup> sums: array<vec2f, ${LANES}>;
${MAIN}
  let channel = group.x;
  var mine = vec2f();
  for (var chunk = lane; chunk * place.PER_CHUNK < control.n * POSITIONS; chunk += ${LANES}u) {
    let at = (chunk * CHANNELS + channel) * 2u;
    mine += vec2f(partials[at], partials[at + 1u]);
  }
  sums[lane] = mine;
  for (var half = ${LANES / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u) {
    gradients[place.BETA + channel] = sums[0].x;
    gradients[place.GAMMA + channel] = sums[0].y;
  }
}
`,
  );
}

/** Buffers: activation, moments, [gradOutput], [gradTotal], parameters, gradients, gradConv. */
export function normaliseGradientKernel(step: StepOf<"normaliseGradient">, threads: number): Kernel {
  return makeKernel(
    `normalise gradient ${step.label}`,
    {
      buffers: {
        activation: "read",
        moments: "read",
        ...gradientBuffers(step),
        parameters: "read",
        gradients: "read",
        result: "write",
      },
      constants: { POSITIONS: step.positions, CHANNELS: step.channels, SLOPE: step.slope },
      place: { GAMMA: step.norm.gamma.offset, BETA: step.norm.beta.offset },
    },
    elementwise(
      threads,
      "control.n * POSITIONS * CHANNELS",
      `
  let c = i % CHANNELS;
  let a = activation[i];
  let inverse = moments[CHANNELS + c];
  let xhat = (a - moments[c]) * inverse;
  let count = f32(control.n * POSITIONS);
  let direct = ${step.gradTotal === undefined ? "0.0" : "gradTotal[i]"};
  let centred = ${gradientAt(step)} - (gradients[place.BETA + c] + xhat * gradients[place.GAMMA + c]) / count;
  let gradActivation = parameters[place.GAMMA + c] * inverse * centred + direct;
  result[i] = gradActivation * select(SLOPE, 1.0, a > 0.0) + direct;`,
    ),
  );
}

function gradientBuffers(step: { gradOutput?: number; gradTotal?: number }): Record<string, "read"> {
  return {
    ...(step.gradOutput === undefined ? {} : { gradOutput: "read" }),
    ...(step.gradTotal === undefined ? {} : { gradTotal: "read" }),
  };
}

function gradientAt(step: { gradOutput?: number; gradTotal?: number }): string {
  const parts = Object.keys(gradientBuffers(step)).map((name) => `${name}[i]`);
  return `(${parts.join(" + ")})`;
}
