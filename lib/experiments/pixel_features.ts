import { pca } from "../analysis/pca.ts";
import { sourceOf } from "../analysis/spectra_source.ts";

/** Leading components of the image's patches that tell pixels apart. */
const COMPONENTS = 8;
/** More patches are not looked at for their components. */
const MOST_PATCHES = 16384;

/** What is known of each pixel before its spectrum is measured. */
export interface PixelFeatures {
  rows: number;
  cols: number;
  /** pixels x components, of mean square 1 in all. */
  patch_MK: Float32Array;
  components: number;
  /** pixels x 2: row and column over the longer side of the map. */
  position_M2: Float32Array;
}

/** Features of every pixel of an image; at its edges patches are continued by their last row or column. */
export function pixelFeatures(image_HW: Float32Array, rows: number, cols: number, window: number): PixelFeatures {
  const image = { image_HW, rows, cols, window };
  const { components_KS, mean_S, components } = patchComponents(image);
  const patch_MK = new Float32Array(rows * cols * components);
  const patch = new Float32Array(window * window);
  let squares = 0;
  for (let pixel = 0; pixel < rows * cols; pixel++) {
    readPatch(image, pixel, patch);
    for (let k = 0; k < components; k++) {
      let sum = 0;
      for (let i = 0, at = k * patch.length; i < patch.length; i++) {
        sum += (patch[i] - mean_S[i]) * components_KS[at + i];
      }
      patch_MK[pixel * components + k] = sum;
      squares += sum * sum;
    }
  }
  const scale = 1 / (Math.sqrt(squares / (rows * cols)) || 1);
  for (let at = 0; at < patch_MK.length; at++) patch_MK[at] *= scale;
  const longer = Math.max(rows, cols);
  const position_M2 = new Float32Array(2 * rows * cols);
  for (let pixel = 0; pixel < rows * cols; pixel++) {
    position_M2[2 * pixel] = Math.floor(pixel / cols) / longer;
    position_M2[2 * pixel + 1] = pixel % cols / longer;
  }
  return { rows, cols, components, patch_MK, position_M2 };
}

interface WindowedImage {
  image_HW: Float32Array;
  rows: number;
  cols: number;
  window: number;
}

/** Principal components of at most some 16000 patches, evenly over the map; none where the patches do not vary. */
function patchComponents(image: WindowedImage) {
  const { rows, cols, window } = image;
  const size = window * window, count = rows * cols;
  const stride = Math.ceil(count / MOST_PATCHES);
  const patches_NS = new Float32Array(Math.ceil(count / stride) * size);
  for (let n = 0; n * stride < count; n++) readPatch(image, n * stride, patches_NS.subarray(n * size, (n + 1) * size));
  const components = Math.min(COMPONENTS, size, count);
  try {
    return { components, ...pca(sourceOf(patches_NS, size), { components }) };
  } catch (error) {
    if ((error as { code?: string }).code !== "constant_data") throw error;
    return { components, mean_S: new Float64Array(size), components_KS: new Float64Array(components * size) };
  }
}

function readPatch({ image_HW, rows, cols, window }: WindowedImage, pixel: number, patch: Float32Array): void {
  const half = window / 2;
  const row = Math.floor(pixel / cols), col = pixel % cols;
  let at = 0;
  for (let r = row - half; r < row + half; r++) {
    const line = Math.min(rows - 1, Math.max(0, r)) * cols;
    for (let c = col - half; c < col + half; c++) patch[at++] = image_HW[line + Math.min(cols - 1, Math.max(0, c))];
  }
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
