import { sizeOf } from "../../../base/nd_array.ts";
import { uniformValues } from "../../axes.ts";
import { checkChannelNames, parseChannel } from "../../channel.ts";
import { checkCubeShape } from "../../cube_shape.ts";
import type { CubeView, StoredImage } from "../../cube_source.ts";
import { displayName } from "../../display_name.ts";
import { imagesOnGrid } from "../../image_channels.ts";
import { hdf5Array, smallNumbers } from "../hdf5_array.ts";
import { decodeTexts } from "../hdf5_attributes.ts";
import type { Hdf5Claim, Hdf5Context, Hdf5Dialect } from "../hdf5_dialect.ts";
import type { Hdf5Dataset } from "../hdf5_file.ts";
import { sortStream, type StreamCounts } from "./velox_stream.ts";

/** Channels of a spectrum where the file does not say. */
const DEFAULT_CHANNELS = 4096;
const STREAM = /^\/Data\/SpectrumStream\/[^/]+\/Data$/;
const IMAGE = /^\/Data\/Image\/[^/]+\/Data$/;
const SLAB_VALUES = 2 ** 22;

/**
 * Velox EMD, as Thermo Fisher microscopes write it: X-ray events as a stream of uint16 (channel numbers, 65535 ends a
 * pixel), counted here into a cube, all detectors and frames together; scanned images as stacks of frames, summed.
 * Source: RosettaSciIO's documentation of the format, https://hyperspy.org/rosettasciio/supported_formats/emd.html
 */
export const veloxEmd: Hdf5Dialect = {
  format: "velox-emd",
  claims(context) {
    const streams = context.tree.datasets.filter(({ path }) => STREAM.test(path));
    if (streams.length === 0) return [];
    const images = context.tree.datasets.filter(({ path, shape }) => IMAGE.test(path) && shape.length === 3);
    return [claimOf(context, streams, images), ...images.map(imageClaim)];
  },
};

function claimOf(context: Hdf5Context, streams: Hdf5Dataset[], images: Hdf5Dataset[]): Hdf5Claim {
  const about = readMetadata(context, streams[0], images[0]);
  const { path } = streams[0];
  return {
    path,
    dataset: displayName(path),
    shape: [...about.shape],
    quantity: "X-ray counts",
    unit: "counts",
    rank: 1,
    open: (channel) => openStreams(context, { streams, images, about, channel }),
  };
}

interface Opening {
  streams: Hdf5Dataset[];
  images: Hdf5Dataset[];
  about: StreamMetadata;
  channel: string | undefined;
}

function openStreams({ file, limits }: Hdf5Context, { streams, images, about, channel }: Opening): CubeView {
  checkChannelNames(parseChannel(channel), []);
  const { shape, pixel, energy } = about;
  checkCubeShape(shape, limits);
  const [rows, cols, points] = shape;
  const counts = streams.map((stream) => sortStream(smallNumbers(file, stream) ?? [], rows * cols, points));
  const axis = (name: string, length: number, size: number) => ({
    name,
    unit: pixel.unit,
    values: uniformValues(0, size, length),
  });
  return {
    format: "velox-emd",
    dataset: displayName(streams[0].path),
    shape,
    axes: {
      row: axis("y", rows, pixel.height),
      col: axis("x", cols, pixel.width),
      spectral: { name: "Energy", unit: "keV", values: uniformValues(energy.offset, energy.scale, points) },
    },
    quantity: "X-ray counts",
    unit: "counts",
    notes: [
      `X-ray events of ${streams.length} detector stream${streams.length > 1 ? "s" : ""} are counted over all frames`,
      ...counts.flatMap(({ outside }) => outside > 0 ? [`${outside} events lie outside the spectrum's channels`] : []),
    ],
    slabRows: Math.max(1, Math.min(rows, Math.floor(SLAB_VALUES / (cols * points)))),
    readRows: (row0, count) => countRows(counts, shape, row0, count),
    maps: () => imagesOnGrid(images.map((image) => summedImage(file, image)), [rows, cols]),
  };
}

/** rows x cols x points */
function countRows(
  counts: StreamCounts[],
  [, cols, points]: readonly [number, number, number],
  row0: number,
  rows: number,
): Float32Array {
  const out = new Float32Array(rows * cols * points);
  for (const { starts, channels } of counts) {
    for (let pixel = 0; pixel < rows * cols; pixel++) {
      const at = row0 * cols + pixel;
      for (let i = starts[at]; i < starts[at + 1]; i++) out[pixel * points + channels[i]]++;
    }
  }
  return out;
}

interface StreamMetadata {
  shape: [number, number, number];
  pixel: { height: number; width: number; unit: string };
  /** keV */
  energy: { offset: number; scale: number };
}

/** What the JSON beside a stream says, each with a default that a microscope would have. */
function readMetadata(context: Hdf5Context, stream: Hdf5Dataset, image: Hdf5Dataset | undefined): StreamMetadata {
  const json = metadataOf(context, stream);
  const settings = settingsOf(context, stream);
  const scan = child(json, "Scan");
  const [size, area] = [child(scan, "ScanSize"), child(scan, "ScanArea")];
  const extent = (length: string, from: string, to: string, fallback: number | undefined) =>
    fallback ?? Math.round(number(size[length], 0) * (number(area[to], 1) - number(area[from], 0)));
  const rows = extent("height", "top", "bottom", image?.shape[0]);
  const cols = extent("width", "left", "right", image?.shape[1]);
  const result = child(json, "BinaryResult");
  const pixel = child(result, "PixelSize");
  const detector = Object.values(child(json, "Detectors")).map((one) => one as JsonObject)
    .find(({ DetectorType, Dispersion }) => DetectorType === "AnalyticalDetector" && Dispersion !== undefined) ?? {};
  return {
    shape: [rows, cols, Math.trunc(number(settings.bincount, DEFAULT_CHANNELS))],
    pixel: {
      height: number(pixel.height, 1),
      width: number(pixel.width, 1),
      unit: typeof result.PixelUnitX === "string" ? displayName(result.PixelUnitX) : "",
    },
    energy: { offset: number(detector.OffsetEnergy, 0) / 1000, scale: number(detector.Dispersion, 1) / 1000 },
  };
}

type JsonObject = { [key: string]: unknown };

function child(json: JsonObject, key: string): JsonObject {
  const value = json[key];
  return typeof value === "object" && value !== null ? value as JsonObject : {};
}

/** Numbers are written as text. */
function number(value: unknown, fallback: number): number {
  const parsed = typeof value === "string" || typeof value === "number" ? Number(value) : NaN;
  return Number.isFinite(parsed) ? parsed : fallback;
}

/** JSON in the first column of a dataset of bytes, padded with zeros. */
function metadataOf({ file, datasets }: Hdf5Context, stream: Hdf5Dataset): JsonObject {
  const dataset = datasets.get(stream.path.replace(/Data$/, "Metadata"));
  if (!dataset || dataset.shape.length !== 2 || sizeOf(dataset.shape) === 0 || dataset.shape[0] > 2 ** 22) return {};
  const bytes = Uint8Array.from(hdf5Array(file, dataset).read([0, 0], [dataset.shape[0], 1]));
  return parseObject(new TextDecoder().decode(bytes).replace(/\0+$/, ""));
}

/** JSON as a dataset of one string. */
function settingsOf({ file, datasets }: Hdf5Context, stream: Hdf5Dataset): JsonObject {
  const dataset = datasets.get(stream.path.replace(/Data$/, "AcquisitionSettings"));
  if (dataset?.element.kind !== "string" || dataset.shape.length !== 1 || dataset.shape[0] < 1) return {};
  const { bytes, isVariable = false } = dataset.element;
  const [text] = file.withRaw(dataset, [[0], [1]], (view) => decodeTexts(file.heap, view, bytes, isVariable));
  return parseObject(text ?? "");
}

function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as JsonObject : {};
  } catch {
    return {};
  }
}

/** A stack of frames, rows x cols x frames, as one image. */
function summedImage(file: Hdf5Context["file"], dataset: Hdf5Dataset): StoredImage {
  const [rows, cols, frames] = dataset.shape;
  return {
    dataset: "HAADF",
    rows,
    cols,
    quantity: "Intensity",
    unit: "",
    read() {
      const stack = smallNumbers(file, dataset) ?? new Float64Array(rows * cols * frames).fill(NaN);
      const sum_HW = new Float64Array(rows * cols);
      stack.forEach((value, i) => sum_HW[Math.floor(i / frames)] += value);
      return sum_HW;
    },
  };
}

function imageClaim({ path, shape }: Hdf5Dataset): Hdf5Claim {
  const words = `${shape[2]} frames of an image of ${shape[0]} x ${shape[1]}`;
  return {
    path,
    dataset: displayName(path),
    shape,
    quantity: "",
    unit: "",
    rank: 0,
    otherwise: words,
    open: () => {
      throw new TypeError(words);
    },
  };
}
