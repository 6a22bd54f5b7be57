import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { arraySource, type StoredArray } from "../array_source.ts";
import { type DescribedAxis, uniformValues } from "../axes.ts";
import type { ByteFile } from "../byte_file.ts";
import type { CubeSource, FormatLimits, StoredImage } from "../cube_source.ts";
import { displayList, displayName } from "../display_name.ts";
import { ndFile } from "../nd_file.ts";
import { isReal, type ReadPart } from "../scalar_type.ts";
import { withPart } from "../complex_part.ts";
import { type IgorDimension, type IgorWave, readIgorWave } from "./igor_wave.ts";

/** What Igor calls dimensions without a label: the first runs along x, the second along y. */
const NAMES = ["x", "y", "layer", "chunk"];
const GENERIC_NAME = /^(wave|image|data|matrix)_?\d*$/i;
/** Units of Asylum's channels, whose waves have one unit for all layers. */
const CHANNEL_UNITS: [pattern: RegExp, unit: string][] = [
  [/^(height|zsensor|zsnsr)/i, "m"],
  [/^phase/i, "deg"],
  [/^freq/i, "Hz"],
  [/^current/i, "A"],
  [/^(potential|userin)/i, "V"],
];
/** Lines of Asylum's note that say how a measurement was made. */
const NOTE_KEYS = ["ImagingMode", "Date", "TipVoltage", "DriveAmplitude", "DriveFrequency"];
const MOST_LAYERS = 4096;

/**
 * Opens an Igor binary wave (ibw) of version 5: three dimensions (x, y, layers) with their scaling are a cube. Layers with
 * labels of their own, as Asylum's images have, are image channels, and a cube only where the wave is named. Throws
 * `cube_needed` for a wave of fewer dimensions, a force curve among them.
 */
export function openIgorSource(file: ByteFile, limits: FormatLimits): CubeSource {
  const wave = readIgorWave(file);
  const lengths = wave.dimensions.map(({ length }) => length);
  const used = lengths.filter((length) => length > 1).length;
  if (used < 2 || (used === 2 && channelLabels(wave).length > 0)) throw notACube(wave);
  const array = arrayOf(file, wave);
  return arraySource([array], { format: "igor", limits, images: layerImages(array, wave), close: () => file.close() });
}

/** The wave with its last dimension first, as it lies in the file: rows along y, columns along x. */
function arrayOf(file: ByteFile, wave: IgorWave): StoredArray {
  const { name, type, dimensions, unit, note, dataOffset } = wave;
  const shape = dimensions.map(({ length }) => length).reverse();
  const layout = { shape, itemBytes: type.bytes, fieldOffset: 0, dataOffset };
  const labels = channelLabels(wave);
  return {
    dataset: displayName(name) || "wave",
    shape,
    type,
    axes: dimensions.map(axisOf).reverse(),
    quantity: GENERIC_NAME.test(name) ? "" : displayName(name),
    unit: displayName(unit),
    notes: notesOf(note),
    otherwise: labels.length > 0 && shape.length === 3
      ? `images of ${shape[1]} x ${shape[2]} (${displayList(labels)})`
      : undefined,
    source: (part?: ReadPart) => ndFile(file, { ...layout, type: withPart(type, part) }),
  };
}

function axisOf({ length, step, offset, unit, label }: IgorDimension, index: number): DescribedAxis {
  const name = label || NAMES[index];
  const isScaled = step !== 0 && Number.isFinite(step) && Number.isFinite(offset);
  return { name, unit, values: isScaled ? uniformValues(offset, step, length) : undefined };
}

/** Labels of the elements of the last dimension, where they name different channels and are no numbers. */
function channelLabels({ dimensions }: IgorWave): string[] {
  const last = dimensions.filter(({ length }) => length > 1).at(-1);
  const labels = last?.elementLabels.filter((label) => label !== "") ?? [];
  return labels.some((label) => !Number.isFinite(parseFloat(label))) ? labels : [];
}

/** Each layer of a wave of three dimensions as an image of its own. */
function layerImages({ shape, source }: StoredArray, wave: IgorWave): StoredImage[] {
  if (shape.length !== 3 || !isReal(wave.type)) return [];
  const [layers, rows, cols] = shape;
  const labels = wave.dimensions[2].elementLabels;
  return Array.from({ length: Math.min(layers, MOST_LAYERS) }, (_, layer) => {
    const label = displayName(labels[layer] ?? "") || `layer ${layer}`;
    const unit = CHANNEL_UNITS.find(([pattern]) => pattern.test(label))?.[1] ?? "";
    const read = () => source().read([layer, 0, 0], [1, rows, cols]);
    return { dataset: label, rows, cols, quantity: labels[layer] ? label : "", unit, read };
  });
}

function notesOf(note: string): string[] {
  const lines = note.split(/[\r\n]+/);
  return NOTE_KEYS.flatMap((key) => lines.filter((line) => line.startsWith(`${key}:`)).slice(0, 1)).map(displayName);
}

function notACube(wave: IgorWave) {
  const lengths = wave.dimensions.map(({ length }) => length).filter((length) => length > 1);
  const labels = channelLabels(wave);
  const met = labels.length > 0 && lengths.length === 2
    ? `curves of ${lengths[0]} points (${displayList(labels)}), a force curve or a sweep at one place`
    : sizeOf(lengths) === 1
    ? "a single number"
    : `one curve of ${lengths[0]} points`;
  const wanted = "a wave of three dimensions: x, y and spectral steps";
  return unprocessable("cube_needed", `Wave ${displayName(wave.name)} is ${met}; expected ${wanted}`);
}
