import { unprocessable } from "../base/errors.ts";
import { sizeOf } from "../base/nd_array.ts";
import type { Network } from "../../models/network.ts";
import type { NetworkState, SessionOptions } from "./engine.ts";

/** Number of samples in row-major data. Throws unprocessable `sample_size` where it does not divide. */
export function countSamples(data: Float32Array, floatsPerSample: number, what: string): number {
  if (data.length % floatsPerSample === 0) return data.length / floatsPerSample;
  throw unprocessable("sample_size", `${what} has ${data.length} values; expected a multiple of ${floatsPerSample}`);
}

/** Number of pairs. Throws unprocessable `sample_size` or `sample_count` (not as many targets as inputs, or none). */
export function countPairs(network: Network, input_NI: Float32Array, target_NO: Float32Array): number {
  const inputs = countSamples(input_NI, sizeOf(network.inputShape), "Input");
  const targets = countSamples(target_NO, sizeOf(network.outputShape), "Target");
  if (inputs === targets && inputs > 0) return inputs;
  throw unprocessable(
    "sample_count",
    `There are ${inputs} inputs and ${targets} targets; expected equal counts above 0`,
  );
}

/** Throws unprocessable `batch_size` or `batch_index`: mini-batches have 1..trainBatch indices into the training set. */
export function checkBatches(batches: readonly Int32Array[], count: number, trainBatch: number): void {
  for (const batch of batches) {
    if (batch.length < 1 || batch.length > trainBatch) {
      throw unprocessable("batch_size", `Mini-batch has ${batch.length} samples; expected 1 to ${trainBatch}`);
    }
    const outside = batch.find((index) => index < 0 || index >= count);
    if (outside !== undefined) {
      throw unprocessable("batch_index", `Mini-batch names sample ${outside}, the training set has 0 to ${count - 1}`);
    }
  }
}

/** Throws unprocessable `state_mismatch` where weights (or moments) do not fit the network. */
export function checkState(network: Network, state: NetworkState, resume?: SessionOptions["resume"]): void {
  for (const { name, shape, kind } of network.parameters) {
    const parts = kind === "runningMean" || kind === "runningVar" || !resume
      ? [state]
      : [state, resume.adamM, resume.adamV];
    for (const part of parts) {
      const met = part.get(name)?.data.length;
      if (met === sizeOf(shape)) continue;
      const has = met === undefined ? "is missing" : `has ${met} values`;
      throw unprocessable("state_mismatch", `Parameter ${name} ${has}; expected ${sizeOf(shape)} of shape [${shape}]`);
    }
  }
}

/**
 * Rows and columns of the patch positions of an image: rows - window + 1, likewise columns.
 * Throws unprocessable `image_direction` (not im2spec), `sample_size` or `image_too_small`.
 */
export function imagePositions(
  network: Network,
  image_HW: Float32Array,
  extent: { rows: number; cols: number },
): { rows: number; cols: number } {
  const { direction, window } = network.options;
  const { rows, cols } = extent;
  if (direction !== "im2spec") {
    throw unprocessable("image_direction", `The direction is ${direction}; expected im2spec for a whole image`);
  }
  if (image_HW.length !== rows * cols) {
    throw unprocessable("sample_size", `Image has ${image_HW.length} values; expected ${rows} x ${cols}`);
  }
  if (rows < window || cols < window) {
    throw unprocessable(
      "image_too_small",
      `Image is ${rows} x ${cols}; expected at least the window, ${window} x ${window}`,
    );
  }
  return { rows: rows - window + 1, cols: cols - window + 1 };
}

/** Copies the `count` patches that start at row-major positions `from`.. of a grid `gridCols` wide. */
export function gatherPatches(
  image_HW: Float32Array,
  options: { cols: number; window: number; gridCols: number; from: number; count: number },
): Float32Array {
  const { cols, window, gridCols, from, count } = options;
  const patches_NHW = new Float32Array(count * window * window);
  for (let n = 0; n < count; n++) {
    const corner = Math.floor((from + n) / gridCols) * cols + (from + n) % gridCols;
    for (let row = 0; row < window; row++) {
      const start = corner + row * cols;
      patches_NHW.set(image_HW.subarray(start, start + window), (n * window + row) * window);
    }
  }
  return patches_NHW;
}
