import type { Step } from "../step.ts";
import { elementwise, makeKernel } from "./gpu_kernel.ts";
import type { Kernel } from "./gpu_kernel.ts";

type DenseStep = Extract<Step, { kind: "dense" | "denseGradient" }>;

/** The weight is (short, long), whichever of input and output is short; both dense layers are the same three products. */
function shape(step: DenseStep) {
  const shortIsOutput = step.order === "outIn";
  const [short, long] = shortIsOutput ? [step.featuresOut, step.featuresIn] : [step.featuresIn, step.featuresOut];
  return {
    shortIsOutput,
    short,
    long,
    constants: { SHORT: short, LONG: long },
    place: { WEIGHT: step.weight.offset, BIAS: step.bias.offset },
  };
}

/**
 * result (N, long) = source (N, short) times weight: a thread each. Buffers: source, parameters, result.
 */
export function toLongKernel(step: DenseStep, withBias: boolean, threads: number): Kernel {
  return makeKernel(
    `to long ${step.label}`,
    { buffers: { source: "read", parameters: "read", result: "write" }, ...shape(step) },
    elementwise(
      threads,
      "control.n * LONG",
      `
  let at = i % LONG;
  let start = i / LONG * SHORT;
  var sum = ${withBias ? "parameters[place.BIAS + at]" : "0.0"};
  for (var s = 0u; s < SHORT; s++) { sum += source[start + s] * parameters[place.WEIGHT + s * LONG + at]; }
  result[i] = sum${step.added ? " + result[i]" : ""};`,
    ),
  );
}

/** result (N, short) = source (N, long) times the weight transposed: a workgroup each. Buffers as `toLongKernel`. */
export function toShortKernel(step: DenseStep, withBias: boolean, threads: number): Kernel {
  return makeKernel(
    `to short ${step.label}`,
    { buffers: { source: "read", parameters: "read", result: "write" }, ...shape(step) },
    `
var<workgroup> sums: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.z * groups.x + group.x;
  let s = i % SHORT;
  let start = i / SHORT * LONG;
  var sum = 0.0;
  if (i < control.n * SHORT) {
    for (var at = lane; at < LONG; at += ${threads}u) { sum += source[start + at] * parameters[place.WEIGHT + s * LONG + at]; }
  }
  sums[lane] = sum;
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { sums[lane] += sums[lane + half]; }
  }
  if (lane == 0u && i < control.n * SHORT) {
    result[i] = sums[0]${withBias ? " + parameters[place.BIAS + s]" : ""}${step.added ? " + result[i]" : ""};
  }
}
`,
  );
}

/** Gradients of weight and bias: a thread each, summing over the batch. Buffers: input, gradOutput, gradients. */
export function denseWeightGradientKernel(step: Extract<Step, { kind: "denseGradient" }>, threads: number): Kernel {
  const { shortIsOutput, constants, place } = shape(step);
  const [shortSide, longSide] = shortIsOutput ? ["gradOutput", "source"] : ["source", "gradOutput"];
  const count = step.featuresIn * step.featuresOut;
  return makeKernel(
    `weight gradient ${step.label}`,
    {
      buffers: { source: "read", gradOutput: "read", gradients: "write" },
      constants: { ...constants, COUNT: count, OUTPUTS: step.featuresOut },
      place,
    },
    elementwise(
      threads,
      "COUNT + OUTPUTS",
      `
  var sum = 0.0;
  if (i < COUNT) {
    let s = i / LONG;
    let at = i % LONG;
    for (var n = 0u; n < control.n; n++) { sum += ${shortSide}[n * SHORT + s] * ${longSide}[n * LONG + at]; }
    gradients[place.WEIGHT + i] = sum;
  } else {
    for (var n = 0u; n < control.n; n++) { sum += gradOutput[n * OUTPUTS + i - COUNT]; }
    gradients[place.BIAS + i - COUNT] = sum;
  }`,
    ),
  );
}
