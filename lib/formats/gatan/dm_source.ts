import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import { type DescribedAxis, uniformValues } from "../axes.ts";
import type { ByteFile } from "../byte_file.ts";
import { readComplex, withPart } from "../complex_part.ts";
import type { CubeSelection, CubeSource, CubeView, FormatLimits, StoredImage } from "../cube_source.ts";
import { arrayCube, type DescribedArray, isCube } from "../described_array.ts";
import { displayList, displayName } from "../display_name.ts";
import { formatShape } from "../format_shape.ts";
import { imagesOnGrid } from "../image_channels.ts";
import { ndFile } from "../nd_file.ts";
import { isComplex, type ReadPart, type ScalarType } from "../scalar_type.ts";
import { DM_BYTES, type DmArray, type DmFile, type DmGroup, type DmValue, malformed, readDmTags } from "./dm_tags.ts";

/** Element types by DigitalMicrograph's `DataType`; colours, packed and other pictures are left out. */
const TYPES: Readonly<Record<number, [kind: ScalarType["kind"], bytes: number]>> = {
  1: ["int", 2],
  2: ["float", 4],
  3: ["complex", 8],
  6: ["uint", 1],
  7: ["int", 4],
  9: ["int", 1],
  10: ["uint", 2],
  11: ["uint", 4],
  12: ["float", 8],
  13: ["complex", 16],
  14: ["bool", 1],
  39: ["int", 8],
  40: ["uint", 8],
};
const MOST_IMAGE_PIXELS = 2 ** 24;

interface DmImage {
  name: string;
  type: ScalarType;
  data: DmArray;
  /** As stored, slowest first: the reverse of DigitalMicrograph's own order. */
  shape: number[];
  axes: DescribedAxis[];
  quantity: string;
  unit: string;
  notes: string[];
}

/**
 * Opens a Gatan DigitalMicrograph file (DM3, DM4): the largest image with three axes is the cube, with its calibrated
 * axes; two-dimensional images on the same grid (a survey, a dark field) become image channels. Counts are as stored.
 */
export function openDmSource(file: ByteFile, limits: FormatLimits): CubeSource {
  const images = imagesOf(readDmTags(file), file);
  const cubes = images.filter((image) => isCube(describe(file, image)))
    .sort((a, b) => Number(hasSpectrum(b)) - Number(hasSpectrum(a)) || sizeOf(b.shape) - sizeOf(a.shape));
  return {
    format: "dm",
    candidates: cubes.map(({ name, shape, quantity, unit }) => ({ dataset: name, shape, quantity, unit })),
    images: storedImages(file, images),
    open: (selection = {}) => openImage(file, { images, cubes, limits }, selection),
    close: () => file.close(),
  };
}

function openImage(
  file: ByteFile,
  { images, cubes, limits }: { images: DmImage[]; cubes: DmImage[]; limits: FormatLimits },
  { dataset, channel, complex }: CubeSelection,
): CubeView {
  const image = dataset === undefined ? cubes[0] : images.find(({ name }) => name === dataset);
  if (!image) {
    const there = displayList(images.map(({ name, shape }) => `${name} (${formatShape(shape)})`)) || "no image";
    if (dataset !== undefined) {
      throw unprocessable("dataset_missing", `The file has no image ${displayName(dataset)}, it has ${there}`);
    }
    throw unprocessable("cube_needed", `The file holds ${there}; expected a spectrum image of three axes`);
  }
  const array = describe(file, image);
  array.maps = (grid) => imagesOnGrid(storedImages(file, images.filter((other) => other !== image)), grid);
  if (!isComplex(image.type)) return arrayCube(array, channel, limits);
  const open = (part: ReadPart) => describe(file, { ...image, type: withPart(image.type, part) }).source;
  const { note, ...read } = readComplex(complex, array, open);
  return arrayCube({ ...array, ...read, notes: [...array.notes, note] }, channel, limits);
}

function describe(file: ByteFile, { name, type, data, shape, axes, quantity, unit, notes }: DmImage): DescribedArray {
  const layout = { shape, type, itemBytes: type.bytes, fieldOffset: 0, dataOffset: data.offset };
  return { format: "dm", dataset: name, source: ndFile(file, layout), axes, quantity, unit, notes };
}

function hasSpectrum({ axes }: DmImage): boolean {
  return axes.some(({ unit }) => /ev$/i.test(unit ?? ""));
}

function storedImages(file: ByteFile, images: readonly DmImage[]): StoredImage[] {
  return images.flatMap((image) => {
    const lengths = image.shape.filter((length) => length > 1);
    if (lengths.length !== 2 || isComplex(image.type) || sizeOf(lengths) > MOST_IMAGE_PIXELS) return [];
    const [rows, cols] = lengths;
    const { name, quantity, unit } = image;
    const { source } = describe(file, image);
    const read = () => source.read(source.shape.map(() => 0), source.shape);
    return [{ dataset: name, rows, cols, quantity, unit, read }];
  });
}

/** The images of the file's list, but for those in colour (the thumbnail among them). */
function imagesOf({ root, littleEndian }: DmFile, file: ByteFile): DmImage[] {
  const list = child(root, "ImageList");
  if (!isGroup(list)) throw malformed("It has no ImageList");
  const images: DmImage[] = [];
  for (const [, entry] of list.tags) {
    const imageData = child(entry, "ImageData");
    const type = TYPES[Number(child(imageData, "DataType"))];
    const data = child(imageData, "Data");
    if (!type || !isArray(data)) continue;
    const name = textOf(child(entry, "Name")) || `image ${images.length + 1}`;
    const scalar = { kind: type[0], bytes: type[1], littleEndian };
    images.push(imageOf({ entry, imageData, data, name: uniqueName(name, images) }, scalar, file));
  }
  return images;
}

function uniqueName(name: string, images: readonly DmImage[]): string {
  const shown = displayName(name);
  let unique = shown;
  for (let i = 2; images.some((image) => image.name === unique); i++) unique = `${shown} ${i}`;
  return unique;
}

function imageOf(
  { entry, imageData, data, name }: { entry: DmValue; imageData: DmValue; data: DmArray; name: string },
  type: ScalarType,
  file: ByteFile,
): DmImage {
  const lengths = numbersOf(child(imageData, "Dimensions"));
  const values = sizeOf(lengths);
  const bytes = data.length * DM_BYTES[data.type];
  if (lengths.length === 0 || !lengths.every((n) => Number.isInteger(n) && n > 0) || values * type.bytes > bytes) {
    const met = `Image ${name} has dimensions [${lengths.slice(0, 8)}] and ${bytes} bytes`;
    throw malformed(`${met}; expected ${type.bytes} bytes for each value`);
  }
  if (data.offset + bytes > file.sizeBytes) throw malformed(`Image ${name} ends after the file`);
  const calibrations = child(imageData, "Calibrations");
  const dimension = child(calibrations, "Dimension");
  const scales = isGroup(dimension) ? dimension.tags.map(([, scale]) => scale) : [];
  const marked = spectralDimension(entry, lengths.length);
  const axes = lengths.map((length, i): DescribedAxis => {
    const axis = axisOf(scales[i], length);
    if (i !== marked) return axis;
    if (!isLength(axis.unit)) return { ...axis, name: "Energy", role: "spectral" };
    // Cathodoluminescence: a wavelength in another unit than the places.
    const isWavelength = lengths.every((_, other) => other === i || axisOf(scales[other], 1).unit !== axis.unit);
    return isWavelength ? { ...axis, name: "Wavelength", role: "spectral" } : axis;
  });
  const brightness = child(calibrations, "Brightness");
  const notes: string[] = [];
  const [scale, origin] = [numberOf(child(brightness, "Scale"), 1), numberOf(child(brightness, "Origin"), 0)];
  if (scale !== 1 || origin !== 0) {
    notes.push(`Values are as stored; their calibration is (stored - ${origin}) x ${scale}`);
  }
  return {
    ...{ name, type, data, notes },
    shape: [...lengths].reverse(),
    axes: axes.reverse(),
    quantity: "Intensity",
    unit: displayName(textOf(child(brightness, "Units"))),
  };
}

/** DigitalMicrograph's spectrum images have the spectrum as the last of their own dimensions, unless they say otherwise. */
function spectralDimension(entry: DmValue, count: number): number | undefined {
  const meta = child(child(entry, "ImageTags"), "Meta Data");
  const format = textOf(child(meta, "Format"));
  if (!/^spectrum image$/i.test(format) || count < 3) return undefined;
  return child(meta, "Data Order Swapped") === 1 ? 0 : count - 1;
}

function isLength(unit = ""): boolean {
  return /^([pnµμu]?m|Å|A|px)$/.test(unit);
}

/** value = (index - origin) x scale. */
function axisOf(calibration: DmValue, length: number): DescribedAxis {
  const scale = numberOf(child(calibration, "Scale"), 0);
  const origin = numberOf(child(calibration, "Origin"), 0);
  const unit = textOf(child(calibration, "Units"));
  if (scale === 0 || !Number.isFinite(scale) || !Number.isFinite(origin)) return unit ? { unit } : {};
  return { unit, values: uniformValues(-origin * scale, scale, length) };
}

function child(group: DmValue, name: string): DmValue {
  return isGroup(group) ? group.tags.find(([each]) => each === name)?.[1] : undefined;
}

function isGroup(value: DmValue): value is DmGroup {
  return typeof value === "object" && value.kind === "group";
}

function isArray(value: DmValue): value is DmArray {
  return typeof value === "object" && value.kind === "array";
}

function numbersOf(value: DmValue): number[] {
  return isGroup(value) ? value.tags.map(([, each]) => numberOf(each, NaN)) : [];
}

function numberOf(value: DmValue, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function textOf(value: DmValue): string {
  return typeof value === "string" ? value : "";
}
