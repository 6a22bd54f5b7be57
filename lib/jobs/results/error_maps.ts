import { isLoopAxis } from "../../analysis/loop_branches.ts";
import { areaErrorOfEach, mseOfEach, nrmseOfEach } from "../../analysis/pixel_errors.ts";
import { ssim } from "../../analysis/ssim.ts";
import type { CubeReader } from "../../cube/cube.ts";
import type { ModelManifest } from "../../schemas/model.ts";
import type { MeasuredPairs } from "./pairs.ts";

/** Errors of each position by name; a spectrum that is no loop has no area error. */
export interface PositionErrors {
  mse: Float64Array;
  nrmse: Float64Array;
  /** im2spec on a loop: |predicted area - measured area|. */
  areaAbs?: Float64Array;
  /** spec2im: 1 - structural similarity, with the range of the whole image. */
  ssim?: Float64Array;
}

/** Errors of predictions N x output size against what was measured at the same positions. */
export function positionErrors(
  cube: CubeReader,
  { network }: ModelManifest,
  output_NO: Float32Array,
  { target_NO, outputShape, imageRange }: Pick<MeasuredPairs, "target_NO" | "outputShape" | "imageRange">,
): PositionErrors {
  const size = outputShape.reduce((a, b) => a * b);
  const pairs = { prediction: output_NO, target: target_NO, size };
  const errors: PositionErrors = { mse: mseOfEach(pairs), nrmse: nrmseOfEach(pairs) };
  const axis = cube.axes.spectral.values;
  if (network.direction === "im2spec") {
    return isLoopAxis(axis) ? { ...errors, areaAbs: areaErrorOfEach(pairs, axis) } : errors;
  }
  const options = { rows: network.window, cols: network.window, dataRange: imageRange };
  const similarity = (n: number) =>
    ssim(output_NO.subarray(n * size, (n + 1) * size), target_NO.subarray(n * size, (n + 1) * size), options);
  return { ...errors, ssim: Float64Array.from(errors.mse, (_, n) => 1 - similarity(n)) };
}
