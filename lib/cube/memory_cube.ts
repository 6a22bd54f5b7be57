import { checkIndex, checkRegion } from "./check_region.ts";
import type { Axis, CubeReader, ImageChannel, Region } from "./cube.ts";

export interface MemoryCubeInput {
  /** rows, cols, points */
  shape: readonly [number, number, number];
  /** Axes default to pixel and step numbers without a unit. */
  axes?: { row?: Axis; col?: Axis; spectral?: Axis };
  quantity?: string;
  unit?: string;
  values_HWS: Float32Array;
  /** Repaired values as 1; none when absent. */
  mask_HWS?: Uint8Array;
  images?: readonly ImageChannel[];
}

/** A cube that lives in memory. Throws RangeError when the arrays do not fit the shape. */
export function createMemoryCube(input: MemoryCubeInput): CubeReader {
  const { shape, values_HWS, mask_HWS, images = [] } = input;
  const [rows, cols, points] = shape;
  checkLengths(input);
  const spectrumAt = (row: number, col: number) => {
    checkRegion({ row, col, rows: 1, cols: 1 }, shape);
    const start = (row * cols + col) * points;
    return values_HWS.slice(start, start + points);
  };
  return {
    shape,
    axes: {
      row: input.axes?.row ?? numbered("row", rows),
      col: input.axes?.col ?? numbered("column", cols),
      spectral: input.axes?.spectral ?? numbered("step", points),
    },
    quantity: input.quantity ?? "",
    unit: input.unit ?? "",
    readMap: (index) => {
      checkIndex(index, points);
      return Float32Array.from({ length: rows * cols }, (_, pixel) => values_HWS[pixel * points + index]);
    },
    readSpectrum: spectrumAt,
    readBlock: (region) => copyBlock(values_HWS, new Float32Array(region.rows * region.cols * points), region, shape),
    readMask: (region) => {
      const block = new Uint8Array(region.rows * region.cols * points);
      return mask_HWS ? copyBlock(mask_HWS, block, region, shape) : (checkRegion(region, shape), block);
    },
    readImage: (name) => images.find((image) => image.name === name),
    imageNames: images.map((image) => image.name),
    close: () => {},
  };
}

function checkLengths({ shape, values_HWS, mask_HWS, images = [] }: MemoryCubeInput): void {
  const [rows, cols, points] = shape;
  const check = (what: string, met: number, wanted: number) => {
    if (met !== wanted) throw new RangeError(`${what}: received ${met} values; expected ${wanted}`);
  };
  check("Cube", values_HWS.length, rows * cols * points);
  if (mask_HWS) check("Mask", mask_HWS.length, rows * cols * points);
  for (const image of images) check(`Image ${image.name}`, image.values_HW.length, rows * cols);
}

function copyBlock<T extends Float32Array | Uint8Array>(
  source: T,
  target: T,
  region: Region,
  shape: readonly [number, number, number],
): T {
  checkRegion(region, shape);
  const [, cols, points] = shape;
  for (let r = 0; r < region.rows; r++) {
    const start = ((region.row + r) * cols + region.col) * points;
    target.set(source.subarray(start, start + region.cols * points), r * region.cols * points);
  }
  return target;
}

function numbered(name: string, length: number): Axis {
  return { name, unit: "", values: Array.from({ length }, (_, i) => i) };
}
