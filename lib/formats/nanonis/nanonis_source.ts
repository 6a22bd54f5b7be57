import { unprocessable } from "../../base/errors.ts";
import { axisFrom, uniformValues } from "../axes.ts";
import type { ByteFile } from "../byte_file.ts";
import { parseChannel } from "../channel.ts";
import { checkCubeShape } from "../cube_shape.ts";
import type { CubeSelection, CubeSource, CubeView, FormatLimits, StoredImage } from "../cube_source.ts";
import { displayList, displayName } from "../display_name.ts";
import { imagesOnGrid } from "../image_channels.ts";
import { nanonisError, type NanonisHeader, type NanonisQuantity, parseNanonisHeader } from "./nanonis_header.ts";
import { decodeRun, type ScalarType } from "../scalar_type.ts";

const FLOAT: ScalarType = { kind: "float", bytes: 4, littleEndian: false };
const SLAB_BYTES = 2 ** 24;
const SWEEP_PARAMETERS = /^sweep (start|end)$/i;

/**
 * Opens a Nanonis grid spectroscopy file (3ds): rows x columns x points of one channel; the parameters of each point
 * (Z, the topography, among them) are images. A grid that was cut off is read up to its last whole point.
 */
export function openNanonisSource(file: ByteFile, limits: FormatLimits): CubeSource {
  const header = parseNanonisHeader(file);
  const { rows, cols, points, channels } = header;
  const named = (quantity: NanonisQuantity) => displayName(quantity.name);
  return {
    format: "nanonis-3ds",
    candidates: channels.map((channel) => ({
      dataset: named(channel),
      shape: [rows, cols, points],
      quantity: named(channel),
      unit: displayName(channel.unit),
    })),
    get images() {
      return parameterImages(file, header);
    },
    open: (selection = {}) => openGrid(file, header, chosenChannel(header, selection), limits),
    close: () => file.close(),
  };
}

function chosenChannel({ channels }: NanonisHeader, { dataset, channel }: CubeSelection): number {
  const asked = dataset ?? parseChannel(channel).word ?? channel;
  if (asked === undefined) return 0;
  const sameAs = (name: string) => name.toLowerCase() === asked.toLowerCase();
  const found = channels.findIndex(({ name, unit }) => sameAs(name) || sameAs(`${name} (${unit})`));
  if (found >= 0) return found;
  const there = displayList(channels.map(({ name }) => name));
  throw unprocessable("dataset_missing", `The grid has no channel ${displayName(asked)}, it has ${there}`);
}

function openGrid(file: ByteFile, header: NanonisHeader, channel: number, limits: FormatLimits): CubeView {
  const { rows, cols, points, grid, sweep, channels } = header;
  const shape = [rows, cols, points] as const;
  checkCubeShape(shape, limits);
  const whole = wholePoints(file, header);
  const notes: string[] = [];
  if (whole < rows * cols) notes.push(`The grid is cut off: ${whole} of ${rows * cols} points were measured`);
  if (grid[4]) notes.push(`The grid is turned by ${grid[4]} degrees; axes are along its own sides`);
  const side = (name: string, index: number, length: number) => {
    const [centre, extent] = [grid[index], grid[index + 2]];
    const values = uniformValues(centre - extent / 2, extent / (length - 1), length);
    return axisFrom({ name, unit: "m", values }, name, length, notes);
  };
  const slabRows = Math.max(1, Math.min(rows, Math.floor(SLAB_BYTES / (cols * header.pointBytes))));
  const { name, unit } = channels[channel];
  return {
    format: "nanonis-3ds",
    dataset: displayName(name),
    shape,
    axes: {
      row: side("Y", 1, rows),
      col: side("X", 0, cols),
      spectral: axisFrom({ ...sweep, values: sweepValues(file, header) }, "step", points, notes),
    },
    quantity: displayName(name),
    unit: displayName(unit),
    notes,
    slabRows,
    readRows: (row0, count) => readChannel(file, header, channel, [row0, count]),
    maps: () => imagesOnGrid(parameterImages(file, header), [rows, cols]),
  };
}

/** From the first point's sweep start and end, which are its first two parameters. */
function sweepValues(file: ByteFile, { parameters, points, dataOffset }: NanonisHeader): number[] {
  if (parameters.length < 2 || !parameters.slice(0, 2).every(({ name }) => SWEEP_PARAMETERS.test(name))) return [];
  const bytes = file.read(dataOffset, 8);
  if (bytes.length < 8) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const [start, end] = [view.getFloat32(0), view.getFloat32(4)];
  return uniformValues(start, (end - start) / (points - 1), points);
}

/** How many points of the grid the file holds in full. */
function wholePoints(file: ByteFile, { rows, cols, pointBytes, dataOffset }: NanonisHeader): number {
  const whole = Math.min(rows * cols, Math.floor(Math.max(0, file.sizeBytes - dataOffset) / pointBytes));
  if (whole === 0) throw nanonisError("the file ends before the first point");
  return whole;
}

function readChannel(
  file: ByteFile,
  header: NanonisHeader,
  channel: number,
  [row0, rows]: readonly [row0: number, rows: number],
): Float32Array {
  const { cols, points, pointBytes, channels } = header;
  const out = new Float32Array(rows * cols * points).fill(NaN);
  const view = readPoints(file, header, row0 * cols, rows * cols);
  const before = pointBytes - (channels.length - channel) * points * 4;
  for (let i = 0, at = before; at < view.byteLength; i++, at += pointBytes) {
    decodeRun(view, FLOAT, { offset: at, stride: 4, count: points }, out, [i * points, 1]);
  }
  return out;
}

/** The bytes of points `first` on, as many of `count` as there are whole. */
function readPoints(file: ByteFile, header: NanonisHeader, first: number, count: number): DataView {
  const there = Math.max(0, Math.min(count, wholePoints(file, header) - first));
  const bytes = new Uint8Array(there * header.pointBytes);
  if (there > 0) file.readInto(header.dataOffset + first * header.pointBytes, bytes);
  return new DataView(bytes.buffer);
}

/** The parameters of each point but those of the sweep. */
function parameterImages(file: ByteFile, header: NanonisHeader): StoredImage[] {
  const { rows, cols, parameters, pointBytes } = header;
  return parameters.map((parameter, i) => ({ parameter, i })).filter(({ parameter }) =>
    !SWEEP_PARAMETERS.test(parameter.name)
  )
    .map(({ parameter: { name, unit }, i }) => ({
      dataset: displayName(name),
      rows,
      cols,
      quantity: name === "Z" ? "Topography" : displayName(name),
      unit: displayName(unit),
      read() {
        const out = new Float32Array(rows * cols).fill(NaN);
        for (let row = 0; row < rows; row++) {
          const view = readPoints(file, header, row * cols, cols);
          for (let at = 0, col = 0; at < view.byteLength; at += pointBytes, col++) {
            out[row * cols + col] = view.getFloat32(at + i * 4);
          }
        }
        return out;
      },
    }));
}
