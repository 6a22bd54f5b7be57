import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { type DescribedAxis, uniformValues } from "../axes.ts";
import type { ByteFile } from "../byte_file.ts";
import type { CubeSource, FormatLimits } from "../cube_source.ts";
import { arrayCube, type DescribedArray } from "../described_array.ts";
import { displayName } from "../display_name.ts";
import type { NdSource } from "../nd_cube.ts";
import { decodeRun, type FloatArray, scalarTypeName } from "../scalar_type.ts";
import { decompressBlock } from "./decompress_block.ts";
import { malformed, readTiffPages, type TiffPage } from "./tiff_pages.ts";

const NO_AXIS = "The stack says nothing of its third axis: pages are counted from 0 (give axis)";
/** A strip or tile holds this many bytes at most. */
const MOST_BLOCK_BYTES = 2 ** 28;

/**
 * Opens a TIFF stack (plain, ImageJ's, tifffile's): pages are spectral steps. The pixel size is ImageJ's or the resolution's;
 * a page stack says nothing of its third axis unless ImageJ gives a spacing, which a warning says.
 */
export function openTiffSource(file: ByteFile, limits: FormatLimits): CubeSource {
  const all = readTiffPages(file);
  const [first] = all;
  const pages = all.filter((page) => isAlike(page, first));
  const shape = [pages.length, first.rows, first.cols];
  const left = all.length - pages.length;
  const array: DescribedArray = {
    format: "tiff",
    dataset: "",
    source: stackOf(file, pages),
    axes: axesOf(first, pages.length),
    quantity: "Intensity",
    unit: "",
    notes: left > 0 ? [`${left} pages of another size or type were left out`] : [],
  };
  return {
    format: "tiff",
    candidates: pages.length > 1 ? [{ dataset: "", shape, quantity: "Intensity", unit: "" }] : [],
    images: pages.length === 1
      ? [{
        ...{ dataset: "", rows: first.rows, cols: first.cols, quantity: "Intensity", unit: "" },
        read: () => array.source.read([0, 0, 0], shape),
      }]
      : [],
    open({ dataset = "", channel } = {}) {
      if (dataset !== "") {
        throw unprocessable(
          "dataset_missing",
          `The file has no dataset ${displayName(dataset)}, it is one stack of pages`,
        );
      }
      if (pages.length > 1) {
        return { ...arrayCube(array, channel, limits), warnings: array.axes[0].values ? [] : [NO_AXIS] };
      }
      const met = `The file is one image of ${first.rows} x ${first.cols}, ${scalarTypeName(first.type)}`;
      throw unprocessable("cube_needed", `${met}; expected a page for each spectral step`);
    },
    close: () => file.close(),
  };
}

function isAlike(page: TiffPage, { rows, cols, type }: TiffPage): boolean {
  return page.rows === rows && page.cols === cols && page.type.kind === type.kind && page.type.bytes === type.bytes;
}

function stackOf(file: ByteFile, pages: readonly TiffPage[]): NdSource {
  const [{ rows, cols }] = pages;
  return {
    shape: [pages.length, rows, cols],
    read(offset, count) {
      const { type } = pages[0];
      const out = type.kind === "float" && type.bytes < 8
        ? new Float32Array(sizeOf(count))
        : new Float64Array(sizeOf(count));
      for (let p = 0; p < count[0]; p++) {
        const plane = out.subarray(p * count[1] * count[2], (p + 1) * count[1] * count[2]);
        readPlane(file, pages[offset[0] + p], [offset[1], offset[2]], [count[1], count[2]], plane);
      }
      return out;
    },
  };
}

/** The window of a page that begins at `from`, from the strips or tiles that it meets. */
function readPlane(
  file: ByteFile,
  page: TiffPage,
  [row0, col0]: readonly [number, number],
  [rows, cols]: readonly [number, number],
  out: FloatArray,
): void {
  const { blockRows, blockCols, type } = page;
  const across = Math.ceil(page.cols / blockCols);
  for (let down = Math.floor(row0 / blockRows); down * blockRows < row0 + rows; down++) {
    for (let right = Math.floor(col0 / blockCols); right * blockCols < col0 + cols; right++) {
      const [top, left] = [down * blockRows, right * blockCols];
      const view = readBlock(file, page, down * across + right, top);
      const [r0, r1] = [Math.max(row0, top), Math.min(row0 + rows, top + blockRows, page.rows)];
      const [c0, c1] = [Math.max(col0, left), Math.min(col0 + cols, left + blockCols, page.cols)];
      for (let r = r0; r < r1; r++) {
        const at = ((r - top) * blockCols + c0 - left) * type.bytes;
        const run = { offset: at, stride: type.bytes, count: c1 - c0 };
        decodeRun(view, type, run, out, [(r - row0) * cols + c0 - col0, 1]);
      }
    }
  }
}

function readBlock(file: ByteFile, page: TiffPage, index: number, top: number): DataView {
  const { blockRows, blockCols, type, compression, offsets, byteCounts } = page;
  // The last strip is cut at the page's end; a tile is whole.
  const lines = blockCols === page.cols ? Math.min(blockRows, page.rows - top) : blockRows;
  const length = lines * blockCols * type.bytes;
  if (length > MOST_BLOCK_BYTES || byteCounts[index] > MOST_BLOCK_BYTES) {
    throw malformed(
      `A strip or tile has ${Math.max(length, byteCounts[index])} bytes; expected at most ${MOST_BLOCK_BYTES}`,
    );
  }
  const stored = new Uint8Array(byteCounts[index]);
  file.readInto(offsets[index], stored);
  const bytes = decompressBlock(stored, compression, length).slice();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (page.predictor === 2) undoDifferences(view, page, lines);
  else if (page.predictor !== 1) throw malformed(`The predictor is ${page.predictor}; expected 1 or 2`);
  return view;
}

/** Horizontal differencing of integers. */
function undoDifferences(
  view: DataView,
  { blockCols, type: { kind, bytes, littleEndian } }: TiffPage,
  lines: number,
): void {
  if (kind === "float" || bytes === 8) throw malformed("Differences are of numbers that have none");
  const get = (at: number) =>
    bytes === 1 ? view.getUint8(at) : bytes === 2 ? view.getUint16(at, littleEndian) : view.getUint32(at, littleEndian);
  const set = (at: number, value: number) =>
    bytes === 1
      ? view.setUint8(at, value)
      : bytes === 2
      ? view.setUint16(at, value, littleEndian)
      : view.setUint32(at, value, littleEndian);
  for (let r = 0; r < lines; r++) {
    for (let c = 1; c < blockCols; c++) {
      const at = (r * blockCols + c) * bytes;
      set(at, get(at) + get(at - bytes));
    }
  }
}

/** Pages, rows, columns; what ImageJ's description and the resolution say of them. */
function axesOf({ description, resolution, resolutionUnit, rows, cols }: TiffPage, pages: number): DescribedAxis[] {
  const isImageJ = description.startsWith("ImageJ=");
  const said = new Map(description.split(/\r?\n/).map((line) => line.split("=", 2) as [string, string]));
  const unit = isImageJ ? unitOf(said.get("unit") ?? "") : "";
  const spacing = Number(said.get("spacing"));
  const step = isImageJ && Number.isFinite(spacing) && spacing > 0
    ? { name: "slice", unit, values: uniformValues(0, spacing, pages) }
    : { name: "page" };
  const side = (name: string, perUnit: number, length: number): DescribedAxis => {
    const size = 1 / perUnit;
    if (!(perUnit > 0) || !Number.isFinite(size) || (perUnit === 1 && unit === "")) return { name };
    if (isImageJ) return { name, unit: unit || "px", values: uniformValues(0, size, length) };
    const metres = resolutionUnit === 3 ? 0.01 * size : resolutionUnit === 2 ? 0.0254 * size : undefined;
    return metres === undefined ? { name } : { name, unit: "m", values: uniformValues(0, metres, length) };
  };
  return [{ ...step, role: "spectral" }, side("y", resolution[1], rows), side("x", resolution[0], cols)];
}

function unitOf(text: string): string {
  return displayName(text.replace(/\\u00B5/gi, "µ"));
}
