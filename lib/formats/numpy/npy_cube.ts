import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { ByteFile } from "../byte_file.ts";
import { parseChannel, withoutNames } from "../channel.ts";
import type { CubeCandidate, CubeSelection, CubeView, FormatLimits, StoredImage } from "../cube_source.ts";
import { arrayCube, type DescribedArray, isCube } from "../described_array.ts";
import type { DescribedAxis } from "../axes.ts";
import { displayList, displayName } from "../display_name.ts";
import { lengthsOfTheirOwn } from "../infer_roles.ts";
import { imagesOnGrid } from "../image_channels.ts";
import { ndFile } from "../nd_file.ts";
import { toRowMajor } from "./npy.ts";
import type { NpyHeader } from "./npy_header.ts";
import { readComplex, withPart } from "../complex_part.ts";
import { getterOf, isComplex, isReal, type ReadPart, type ScalarType, scalarTypeName } from "../scalar_type.ts";
import { shoCube } from "../sho_cube.ts";
import { fieldNames, shoFieldsOf } from "../sho_fit.ts";
import { formatShape } from "../format_shape.ts";

/** An array in NPY form: a whole file, or one of an archive. */
export interface NpyArray {
  /** Empty for a lone file. */
  name: string;
  file: ByteFile;
  header: NpyHeader;
}

/** Something of an array that can be a cube: the array itself, one field of its records, or a fit of several. */
export interface NpyClaim {
  array: NpyArray;
  candidate: CubeCandidate;
  member: NpyMember;
}

interface NpyMember {
  /** Empty for the array itself. */
  name: string;
  type: ScalarType;
  offset: number;
  isFit?: boolean;
}

export interface NpyCubeOptions {
  format: string;
  limits: FormatLimits;
}

/** What of an array can be read as a cube, a fit before its fields. */
export function npyClaims(array: NpyArray): NpyClaim[] {
  return membersOf(array.header).flatMap((member) => {
    if (!(isReal(member.type) || isComplex(member.type)) || !isCube(describe(array, member, "npy"))) return [];
    const { quantity, unit } = member.isFit ? { quantity: "Piezoresponse", unit: "" } : fieldNames(member);
    const candidate = { dataset: displayName(datasetOf(array, member)), shape: array.header.shape, quantity, unit };
    return [{ array, candidate, member }];
  });
}

function membersOf({ type, fields }: NpyHeader): NpyMember[] {
  if (type) return [{ name: "", type, offset: 0 }];
  const sho = shoFieldsOf(fields);
  return sho ? [{ ...sho.amplitude, name: "", isFit: true }, ...fields] : fields;
}

function datasetOf({ name }: NpyArray, member: NpyMember): string {
  return name && member.name ? `${name}.${member.name}` : name || member.name;
}

/** The cube that is named, or the largest. Throws `cube_needed` and `dataset_missing` with what there is. */
export function openNpyCube(arrays: readonly NpyArray[], selection: CubeSelection, options: NpyCubeOptions): CubeView {
  const { array, member } = choose(arrays, selection.dataset);
  if (!isComplex(member.type)) getterOf(member.type);
  const described = describe(array, member, options.format);
  if (isComplex(member.type)) {
    const open = (part: ReadPart) => describe(array, { ...member, type: withPart(member.type, part) }, "").source;
    const { note, ...read } = readComplex(selection.complex, described, open);
    Object.assign(described, read);
    described.notes.push(note);
  }
  const paired = pairedCurve(arrays, described);
  if (paired) {
    described.notes.push(
      `The spectral axis is taken from ${displayName(paired.scale.name ?? "")}, the one curve of that length`,
    );
    described.axes[paired.axis] = paired.scale;
  }
  const images = arrays.filter((other) => other !== array).flatMap(npyImages);
  described.maps = (grid) => imagesOnGrid(images, grid);
  if (!member.isFit) return arrayCube(described, selection.channel, options.limits);
  return fitCube(array, described, selection.channel, options);
}

function choose(arrays: readonly NpyArray[], dataset: string | undefined): { array: NpyArray; member: NpyMember } {
  const claims = arrays.flatMap(npyClaims);
  if (dataset === undefined) {
    const largest = [...claims].sort((a, b) => sizeOf(b.candidate.shape) - sizeOf(a.candidate.shape))[0];
    if (largest) return largest;
    throw unprocessable("cube_needed", `${wordsFor(arrays)}; expected three axes: rows, columns and spectral steps`);
  }
  const all = arrays.flatMap((array) => membersOf(array.header).map((member) => ({ array, member })));
  const found = all.find(({ array, member }) => datasetOf(array, member) === dataset);
  if (found) return found;
  const names = all.map(({ array, member }) => datasetOf(array, member)).filter((name) => name !== "");
  const there = names.length > 0 ? `it has ${displayList(names)}` : "it is one plain array without names";
  throw unprocessable("dataset_missing", `The file has no array ${displayName(dataset)}, ${there}`);
}

function wordsFor(arrays: readonly NpyArray[]): string {
  const words = arrays.slice(0, 6).map(({ name, header: { shape, type } }) => {
    const values = type && !isReal(type) && !isComplex(type) ? ` holding ${scalarTypeName(type)}` : "";
    return `${displayName(name) || "the array"} is ${formatShape(shape)}${values}`;
  });
  return `No cube is in this file: ${words.join("; ") || "it holds no arrays"}`;
}

/**
 * A member as an array in C order: what is stored in Fortran order is the same bytes with its axes reversed, so the roles of
 * rows, columns and points are reversed instead of the data.
 */
function describe({ name, file, header }: NpyArray, member: NpyMember, format: string): DescribedArray {
  const { itemBytes, dataOffset, fortranOrder } = header;
  const shape = fortranOrder ? [...header.shape].reverse() : header.shape;
  const layout = { shape, type: member.type, itemBytes, fieldOffset: member.offset, dataOffset };
  const axes: DescribedAxis[] = shape.map(() => ({}));
  const { quantity, unit } = fieldNames(member);
  const dataset = displayName(name && member.name ? `${name}.${member.name}` : name || member.name);
  return { format, dataset, source: ndFile(file, layout), axes, quantity, unit, notes: [], reversed: fortranOrder };
}

/** Where `arrayCube` will look for the spectral axis when nothing else is said. */
function spectralIndex({ source: { shape }, reversed }: DescribedArray): number {
  const order = shape.map((_, i) => (reversed ? shape.length - 1 - i : i)).filter((axis) => shape[axis] > 1).slice(2);
  return order.reduce((best, axis) => (shape[axis] > shape[best] ? axis : best), order[0]);
}

/** The axis that the one curve of its length describes: the usual spectral axis, or another one of a length of its own. */
function pairedCurve(
  arrays: readonly NpyArray[],
  described: DescribedArray,
): { axis: number; scale: DescribedAxis } | undefined {
  const { shape } = described.source;
  const usual = spectralIndex(described);
  const scale = pairedScale(arrays, shape[usual]);
  if (scale) return { axis: usual, scale };
  for (const axis of lengthsOfTheirOwn(shape)) {
    const other = pairedScale(arrays, shape[axis]);
    if (other) return { axis, scale: { ...other, role: "spectral" } };
  }
}

/** The one curve of the file with so many values. */
function pairedScale(arrays: readonly NpyArray[], points: number): DescribedAxis | undefined {
  const curves = arrays.filter(({ header: { shape, type } }) =>
    type && isReal(type) && points > 1 && sizeOf(shape) === points && shape.includes(points)
  );
  if (curves.length !== 1) return undefined;
  const [curve] = curves;
  const { source } = describe(curve, membersOf(curve.header)[0], "");
  return { name: curve.name, values: source.read(source.shape.map(() => 0), source.shape) };
}

function fitCube(array: NpyArray, described: DescribedArray, channelText: string | undefined, options: NpyCubeOptions) {
  const sho = shoFieldsOf(array.header.fields);
  if (!sho) throw unprocessable("field_missing", "The records have no amplitude and phase");
  const { rest, own } = withoutNames(channelText, ["phase", "r2"]);
  const frame = arrayCube(described, rest, options.limits);
  const views = new Map(array.header.fields.map((field) => {
    const one = { ...describe(array, field, options.format), axes: described.axes };
    return [field.name, () => arrayCube(one, rest, options.limits)];
  }));
  const { shape, slabRows } = frame;
  const read = (fields: readonly { name: string }[], row0: number, rows: number) =>
    fields.map(({ name }) => views.get(name)!().readRows(row0, rows));
  const notes = [...frame.notes];
  const fit = shoCube(sho, { channel: parseChannel(own), shape, slabRows, notes, read, images: frame.maps });
  return { ...frame, ...fit };
}

const MOST_PIXELS = 2 ** 24;

/** Images in an array: itself or its fields. */
export function npyImages(array: NpyArray): StoredImage[] {
  const lengths = array.header.shape.filter((length) => length !== 1);
  if (lengths.length !== 2 || lengths.includes(0) || sizeOf(lengths) > MOST_PIXELS) return [];
  const [rows, cols] = lengths;
  return membersOf(array.header).filter(({ type, isFit }) => isReal(type) && !isFit).map((member) => {
    const { quantity, unit } = fieldNames(member);
    const read = () => {
      const { source, reversed } = describe(array, member, "");
      const values = source.read(source.shape.map(() => 0), source.shape);
      return reversed ? toRowMajor(values, [rows, cols]) : values;
    };
    return { dataset: datasetOf(array, member), rows, cols, quantity, unit, read };
  });
}
