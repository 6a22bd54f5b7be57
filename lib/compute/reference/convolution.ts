import type { ConvGeometry } from "../network_units.ts";

type Values = Float32Array | Float64Array;

/** output (N, rows, cols, channelsOut) = "same" convolution of input (N, rows, cols, channelsIn) plus bias. */
export function convolve(
  conv: ConvGeometry,
  n: number,
  arrays: { input: Values; weight: Values; bias: Values; output: Values },
): void {
  const { channelsIn, channelsOut } = conv;
  const { input, weight, bias, output } = arrays;
  for (let at = 0; at < n * conv.rows * conv.cols; at++) {
    for (let o = 0; o < channelsOut; o++) output[at * channelsOut + o] = bias[o];
  }
  forEachTap(conv, n, (tap, from, to) => {
    for (let i = 0; i < channelsIn; i++) {
      const x = input[from * channelsIn + i];
      const row = (tap * channelsIn + i) * channelsOut;
      for (let o = 0; o < channelsOut; o++) output[to * channelsOut + o] += x * weight[row + o];
    }
  });
}

/** Gradients of weight and bias from the input and the gradient of the output. */
export function convolveWeightGradient(
  conv: ConvGeometry,
  n: number,
  arrays: { input: Values; gradOutput: Values; gradWeight: Values; gradBias: Values },
): void {
  const { channelsIn, channelsOut } = conv;
  const { input, gradOutput, gradWeight, gradBias } = arrays;
  gradWeight.fill(0);
  gradBias.fill(0);
  for (let at = 0; at < n * conv.rows * conv.cols; at++) {
    for (let o = 0; o < channelsOut; o++) gradBias[o] += gradOutput[at * channelsOut + o];
  }
  forEachTap(conv, n, (tap, from, to) => {
    for (let i = 0; i < channelsIn; i++) {
      const x = input[from * channelsIn + i];
      const row = (tap * channelsIn + i) * channelsOut;
      for (let o = 0; o < channelsOut; o++) gradWeight[row + o] += x * gradOutput[to * channelsOut + o];
    }
  });
}

/** Gradient of the input from the gradient of the output. */
export function convolveInputGradient(
  conv: ConvGeometry,
  n: number,
  arrays: { weight: Values; gradOutput: Values; gradInput: Values },
): void {
  const { channelsIn, channelsOut } = conv;
  const { weight, gradOutput, gradInput } = arrays;
  gradInput.fill(0, 0, n * conv.rows * conv.cols * channelsIn);
  forEachTap(conv, n, (tap, from, to) => {
    for (let i = 0; i < channelsIn; i++) {
      const row = (tap * channelsIn + i) * channelsOut;
      let sum = 0;
      for (let o = 0; o < channelsOut; o++) sum += weight[row + o] * gradOutput[to * channelsOut + o];
      gradInput[from * channelsIn + i] += sum;
    }
  });
}

/** Visits every (tap, input position, output position) that lies inside; positions count through the batch. */
function forEachTap(conv: ConvGeometry, n: number, visit: (tap: number, from: number, to: number) => void): void {
  const { rows, cols, kernelRows, kernelCols, dilation } = conv;
  for (let tap = 0; tap < kernelRows * kernelCols; tap++) {
    const rowShift = (Math.floor(tap / kernelCols) - (kernelRows - 1) / 2) * dilation;
    const colShift = (tap % kernelCols - (kernelCols - 1) / 2) * dilation;
    for (let to = 0; to < n * rows * cols; to++) {
      const row = Math.floor(to / cols) % rows + rowShift;
      const col = to % cols + colShift;
      if (row < 0 || row >= rows || col < 0 || col >= cols) continue;
      visit(tap, to + rowShift * cols + colShift, to);
    }
  }
}
