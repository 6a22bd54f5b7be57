import { leadingScores } from "../analysis/leading_scores.ts";

/** Leading components of the image's patches that tell pixels apart. */
const COMPONENTS = 8;

/** What is known of each pixel before its spectrum is measured. */
export interface PixelFeatures {
  rows: number;
  cols: number;
  /** pixels x components, of mean square 1 in all. */
  patch_MK: Float64Array;
  components: number;
  /** pixels x 2: row and column over the longer side of the map. */
  position_M2: Float64Array;
}

/** Features of every pixel of an image; at its edges patches are continued by their last row or column. */
export function pixelFeatures(image_HW: Float32Array, rows: number, cols: number, window: number): PixelFeatures {
  const patches_MN = clampedPatches(image_HW, rows, cols, window);
  const components = Math.min(COMPONENTS, window * window);
  const patch_MK = leadingScores(patches_MN, window * window, components);
  const mean = patch_MK.reduce((sum, value) => sum + value * value, 0) / (rows * cols) || 1;
  const scale = 1 / Math.sqrt(mean);
  const longer = Math.max(rows, cols);
  const position_M2 = Float64Array.from(
    { length: 2 * rows * cols },
    (_, at) => (at % 2 === 0 ? Math.floor((at >> 1) / cols) : (at >> 1) % cols) / longer,
  );
  return { rows, cols, components, patch_MK: patch_MK.map((value) => value * scale), position_M2 };
}

function clampedPatches(image_HW: Float32Array, rows: number, cols: number, window: number): Float32Array {
  const half = window / 2;
  const patches_MN = new Float32Array(rows * cols * window * window);
  const clamp = (value: number, length: number) => Math.min(length - 1, Math.max(0, value));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      for (let r = row - half; r < row + half; r++) {
        const line = clamp(r, rows) * cols;
        for (let c = col - half; c < col + half; c++) patches_MN[at++] = image_HW[line + clamp(c, cols)];
      }
    }
  }
  return patches_MN;
}

/** Squared distance of two pixels' patches, in their leading components. */
export function squaredPatchDistance({ patch_MK, components }: PixelFeatures, a: number, b: number): number {
  let sum = 0;
  for (let k = 0, i = a * components, j = b * components; k < components; k++) {
    const difference = patch_MK[i++] - patch_MK[j++];
    sum += difference * difference;
  }
  return sum;
}

/** Squared distance of two pixels' places, over the longer side of the map. */
export function squaredDistance({ position_M2 }: PixelFeatures, a: number, b: number): number {
  const down = position_M2[2 * a] - position_M2[2 * b], right = position_M2[2 * a + 1] - position_M2[2 * b + 1];
  return down * down + right * right;
}
