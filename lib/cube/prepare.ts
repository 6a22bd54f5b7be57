import { unprocessable } from "../base/errors.ts";
import type { Preparation } from "../schemas/preparation.ts";
import type { Axis, CubeReader, ImageChannel, Region } from "./cube.ts";
import { checkIndex, checkRegion } from "./check_region.ts";
import { planSpectral, type SpectralPreparation } from "./prepare_spectra.ts";

/**
 * A cube seen through preparation steps, in their order; it reads through to `cube` and holds nothing itself. The steps are
 * what belongs into the record's provenance, and the same steps give the same values again.
 * Throws when a step does not fit what the steps before it left.
 */
export function prepareCube(cube: CubeReader, steps: readonly Preparation[]): CubeReader {
  return steps.reduce(prepareOnce, cube);
}

/**
 * The spectral steps alone, on spectra of any pixels (N x points of `axis`): what a prediction from a raw spectrum repeats.
 * Crops and pixel bins are skipped.
 */
export function prepareSpectra(
  values_NS: Float32Array,
  axis: Axis,
  steps: readonly Preparation[],
): { values_NS: Float32Array; axis: Axis } {
  let result = { values_NS, axis };
  for (const step of steps) {
    if (step.step === "crop" || step.step === "binPixels") continue;
    const plan = planSpectral(result.axis, step);
    result = { values_NS: plan.apply(result.values_NS), axis: plan.axis };
  }
  return result;
}

function prepareOnce(cube: CubeReader, step: Preparation): CubeReader {
  if (step.step === "crop") return cropped(cube, step.parameters);
  if (step.step === "binPixels") return binned(cube, step.parameters.factor);
  return spectrally(cube, step);
}

function spectrally(cube: CubeReader, step: SpectralPreparation): CubeReader {
  const plan = planSpectral(cube.axes.spectral, step);
  const [rows, cols] = cube.shape;
  return withReaders(cube, {
    shape: [rows, cols, plan.axis.values.length],
    axes: { ...cube.axes, spectral: plan.axis },
    readBlock: (region) => plan.apply(cube.readBlock(region)),
    readMask: (region) => plan.applyMask(cube.readMask(region)),
    readImage: (name) => cube.readImage(name),
  });
}

function cropped(cube: CubeReader, region: Region): CubeReader {
  const [rows, cols, points] = cube.shape;
  if (region.row + region.rows > rows || region.col + region.cols > cols) {
    const met = `row ${region.row} + ${region.rows}, column ${region.col} + ${region.cols}`;
    throw unprocessable("region_outside", `Crop (${met}) leaves the ${rows} x ${cols} map`);
  }
  const shifted = (r: Region): Region => ({ ...r, row: r.row + region.row, col: r.col + region.col });
  return withReaders(cube, {
    shape: [region.rows, region.cols, points],
    axes: {
      ...cube.axes,
      row: slicedAxis(cube.axes.row, region.row, region.rows),
      col: slicedAxis(cube.axes.col, region.col, region.cols),
    },
    readBlock: (r) => cube.readBlock(shifted(r)),
    readMask: (r) => cube.readMask(shifted(r)),
    readImage: (name) => mapImage(cube.readImage(name), (values_HW) => cropMap(values_HW, cols, region)),
  });
}

function cropMap(values_HW: Float32Array, cols: number, region: Region): Float32Array {
  const result = new Float32Array(region.rows * region.cols);
  for (let r = 0; r < region.rows; r++) {
    const start = (region.row + r) * cols + region.col;
    result.set(values_HW.subarray(start, start + region.cols), r * region.cols);
  }
  return result;
}

function binned(cube: CubeReader, factor: number): CubeReader {
  const [rows, cols, points] = cube.shape;
  const [newRows, newCols] = [Math.floor(rows / factor), Math.floor(cols / factor)];
  if (newRows === 0 || newCols === 0) {
    throw unprocessable(
      "preparation_empty",
      `Bins of ${factor} x ${factor} pixels do not fit the ${rows} x ${cols} map`,
    );
  }
  const wide = (r: Region): Region => ({
    row: r.row * factor,
    col: r.col * factor,
    rows: r.rows * factor,
    cols: r.cols * factor,
  });
  return withReaders(cube, {
    shape: [newRows, newCols, points],
    axes: { ...cube.axes, row: binnedAxis(cube.axes.row, factor), col: binnedAxis(cube.axes.col, factor) },
    readBlock: (r) => sumBins(cube.readBlock(wide(r)), r.rows, r.cols, points, factor),
    readMask: (r) =>
      Uint8Array.from(sumBins(cube.readMask(wide(r)), r.rows, r.cols, points, factor), (m) => m > 0 ? 1 : 0),
    readImage: (name) =>
      mapImage(cube.readImage(name), (values_HW) => {
        const whole = cropMap(values_HW, cols, { row: 0, col: 0, rows: newRows * factor, cols: newCols * factor });
        return sumBins(whole, newRows, newCols, 1, factor).map((sum) => sum / factor ** 2);
      }),
  });
}

/** Sums factor x factor pixels of (rows factor) x (cols factor) x points. */
function sumBins(
  values: Float32Array | Uint8Array,
  rows: number,
  cols: number,
  points: number,
  factor: number,
): Float32Array {
  const result = new Float32Array(rows * cols * points);
  for (let r = 0, from = 0; r < rows * factor; r++) {
    for (let c = 0; c < cols * factor; c++) {
      const to = (Math.floor(r / factor) * cols + Math.floor(c / factor)) * points;
      for (let s = 0; s < points; s++) result[to + s] += values[from++];
    }
  }
  return result;
}

type Readers = Pick<CubeReader, "shape" | "axes" | "readBlock" | "readMask" | "readImage">;

/** A reader whose maps and spectra come from its blocks, a row of pixels at a time. */
function withReaders(cube: CubeReader, readers: Readers): CubeReader {
  const { shape } = readers;
  const [rows, cols, points] = shape;
  const readBlock = (region: Region) => (checkRegion(region, shape), readers.readBlock(region));
  return {
    ...readers,
    readBlock,
    readMask: (region) => (checkRegion(region, shape), readers.readMask(region)),
    quantity: cube.quantity,
    unit: cube.unit,
    imageNames: cube.imageNames,
    readSpectrum: (row, col) => readBlock({ row, col, rows: 1, cols: 1 }),
    readMap: (index) => {
      checkIndex(index, points);
      const map_HW = new Float32Array(rows * cols);
      for (let row = 0; row < rows; row++) {
        const block = readers.readBlock({ row, col: 0, rows: 1, cols });
        for (let col = 0; col < cols; col++) map_HW[row * cols + col] = block[col * points + index];
      }
      return map_HW;
    },
    close: () => cube.close(),
  };
}

function mapImage(
  image: ImageChannel | undefined,
  change: (values_HW: Float32Array) => Float32Array,
): ImageChannel | undefined {
  return image && { ...image, values_HW: change(image.values_HW) };
}

function slicedAxis(axis: Axis, start: number, length: number): Axis {
  return { ...axis, values: axis.values.slice(start, start + length) };
}

function binnedAxis(axis: Axis, factor: number): Axis {
  const length = Math.floor(axis.values.length / factor);
  const mean = (i: number) => axis.values.slice(i * factor, (i + 1) * factor).reduce((sum, v) => sum + v, 0) / factor;
  return { ...axis, values: Array.from({ length }, (_, i) => mean(i)) };
}
