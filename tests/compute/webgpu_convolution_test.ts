import { createRandom } from "../../lib/base/random.ts";
import { assignSlots } from "../../lib/compute/assign_slots.ts";
import type { ConvGeometry } from "../../lib/compute/network_units.ts";
import type { ParameterSlot } from "../../lib/compute/parameter_layout.ts";
import type { Plan } from "../../lib/compute/plan.ts";
import { convolve, convolveInputGradient, convolveWeightGradient } from "../../lib/compute/reference/convolution.ts";
import type { Step } from "../../lib/compute/step.ts";
import { compilePlan } from "../../lib/compute/webgpu/compile_plan.ts";
import { ControlTable } from "../../lib/compute/webgpu/control_table.ts";
import { GpuDevice } from "../../lib/compute/webgpu/gpu_device.ts";
import { probeWebgpu } from "../../lib/compute/webgpu/webgpu_engine.ts";
import type { WebgpuProbe } from "../../lib/compute/webgpu/webgpu_engine.ts";
import { buildNetwork } from "../../models/build_network.ts";
import { assertCloseToLargest } from "../support/assert.ts";
import { whyNoWebgpu } from "./webgpu_usable.ts";

const skip = await whyNoWebgpu();

/** Odd extents, channels beside and beyond the tiles, every dilation, taps that reach out of the image on both sides. */
const SHAPES: (ConvGeometry & { n: number })[] = [
  { n: 3, rows: 1, cols: 13, channelsIn: 3, channelsOut: 70, kernelRows: 1, kernelCols: 3, dilation: 4 },
  { n: 5, rows: 5, cols: 7, channelsIn: 6, channelsOut: 5, kernelRows: 3, kernelCols: 3, dilation: 3 },
  { n: 2, rows: 9, cols: 4, channelsIn: 67, channelsOut: 1, kernelRows: 3, kernelCols: 3, dilation: 2 },
  { n: 7, rows: 1, cols: 21, channelsIn: 1, channelsOut: 17, kernelRows: 1, kernelCols: 3, dilation: 1 },
];

for (const { n, ...conv } of SHAPES) {
  const { rows, cols, channelsIn, channelsOut, dilation } = conv;
  Deno.test({
    name:
      `webgpu convolution and its gradients, ${n} x ${rows} x ${cols}, ${channelsIn} to ${channelsOut}, dilation ${dilation}`,
    ignore: skip !== undefined,
    fn: () => check(conv, n),
  });
}

async function check(conv: ConvGeometry, n: number): Promise<void> {
  const taps = conv.kernelRows * conv.kernelCols;
  const positions = n * conv.rows * conv.cols;
  const [input, gradOutput, weight, bias] = [
    positions * conv.channelsIn,
    positions * conv.channelsOut,
    taps * conv.channelsIn * conv.channelsOut,
    conv.channelsOut,
  ].map((length, i) => normals(length, i));
  const met = await onGpu(conv, n, { input, gradOutput, weight, bias });
  const wanted = {
    output: new Float64Array(gradOutput.length),
    gradInput: new Float64Array(input.length),
    gradWeight: new Float64Array(weight.length),
    gradBias: new Float64Array(bias.length),
  };
  convolve(conv, n, { input, weight, bias, output: wanted.output });
  convolveInputGradient(conv, n, { weight, gradOutput, gradInput: wanted.gradInput });
  convolveWeightGradient(conv, n, { input, gradOutput, ...wanted });
  for (const key of ["output", "gradInput", "gradWeight", "gradBias"] as const) {
    assertCloseToLargest(met[key], wanted[key], 1e-5, key);
  }
}

/** Runs the three kernels as a plan of their own, for a batch one smaller than it was made for. */
async function onGpu(
  conv: ConvGeometry,
  n: number,
  data: { input: Float32Array; gradOutput: Float32Array; weight: Float32Array; bias: Float32Array },
) {
  const { adapter } = await probeWebgpu() as Extract<WebgpuProbe, { available: true }>;
  const device = await adapter.requestDevice();
  const gpu = new GpuDevice(device, { threads: 256, maxBindingBytes: 2 ** 27, tileBytes: 2 ** 20 }, 60_000);
  const biasOffset = Math.ceil(data.weight.length / 64) * 64;
  const size = biasOffset + Math.ceil(data.bias.length / 64) * 64;
  const slot = (offset: number, length: number) => ({ offset, size: length }) as ParameterSlot;
  const shared = { label: "test", conv, weight: slot(0, data.weight.length), bias: slot(biasOffset, data.bias.length) };
  const steps: Step[] = [
    { kind: "conv", ...shared, input: 0, output: 2 },
    { kind: "convWeightGradient", ...shared, input: 0, gradConv: 1 },
    { kind: "convInputGradient", ...shared, gradConv: 1, gradInput: 3 },
  ];
  const perPosition = [conv.channelsIn, conv.channelsOut, conv.channelsOut, conv.channelsIn];
  const sizes = perPosition.map((channels, i) => {
    return { name: `${i}`, floatsPerSample: conv.rows * conv.cols * channels, floatsFixed: 0 };
  });
  const batch = n + 1;
  const slots = assignSlots(sizes, steps, { given: [0, 1], kept: [2, 3], batch });
  const network = buildNetwork({ direction: "im2spec", window: 2, points: 1, latent: 1, filters: 1 });
  const layout = { slots: new Map(), trainedSize: size, size };
  const plan: Plan = { network, batch, layout, steps, ...slots, input: 0 };
  const parameters = new Float32Array(size);
  parameters.set(data.weight);
  parameters.set(data.bias, biasOffset);
  const gradients = await gpu.buffer("gradients", size);
  const unused = await gpu.buffer("unused", 4);
  const control = await ControlTable.open(gpu, 1);
  const { buffers, dispatches } = await compilePlan(gpu, plan, {
    control: control.buffer,
    parameters: await gpu.bufferOf("parameters", parameters),
    gradients,
    adamM: unused,
    adamV: unused,
    losses: unused,
  });
  gpu.write(buffers[0], data.input);
  gpu.write(buffers[1], data.gradOutput);
  const [offset] = control.write([{ n }]);
  gpu.submit([{ dispatches, n, control: offset }]);
  const [output, gradInput, flat] = await gpu.read([
    { buffer: buffers[2], floats: data.gradOutput.length },
    { buffer: buffers[3], floats: data.input.length },
    { buffer: gradients, floats: size },
  ]);
  gpu.close();
  const gradBias = flat.slice(biasOffset, biasOffset + data.bias.length);
  return { output, gradInput, gradWeight: flat.slice(0, data.weight.length), gradBias };
}

function normals(length: number, seed: number): Float32Array {
  const random = createRandom(seed + 1);
  return Float32Array.from({ length }, () => random.normal());
}
