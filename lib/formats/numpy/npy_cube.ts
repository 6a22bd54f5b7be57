import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { ByteFile } from "../byte_file.ts";
import { parseChannel, withoutNames } from "../channel.ts";
import type { CubeCandidate, CubeSelection, CubeView, FormatLimits, StoredImage } from "../cube_source.ts";
import { compareEvidence, type CubeEvidence } from "../cube_evidence.ts";
import { arrayCube, type DescribedArray, evidenceOf } from "../described_array.ts";
import type { DescribedAxis } from "../axes.ts";
import { displayList, displayName } from "../display_name.ts";
import { type Curve, lazyCurve, pairedAxes, pairedNote } from "../paired_axes.ts";
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
  /** What an axis that it describes is called; default its name. */
  label?: string;
  file: ByteFile;
  header: NpyHeader;
}

/** An axis is no longer. */
const LONGEST_CURVE = 2 ** 20;

/** Something of an array that can be a cube: the array itself, one field of its records, or a fit of several. */
export interface NpyClaim {
  array: NpyArray;
  candidate: CubeCandidate;
  member: NpyMember;
  evidence: CubeEvidence;
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

/** What of the arrays of a file can be read as a cube, best first, a fit before its fields. */
export function npyClaims(arrays: readonly NpyArray[]): NpyClaim[] {
  const curves = npyCurves(arrays);
  const claims = arrays.flatMap((array) => membersOf(array.header).flatMap((member) => claimOf(array, member, curves)));
  const keyed = claims.map((claim) => {
    const { dataset, shape } = claim.candidate;
    return { claim, dataset, values: sizeOf(shape), evidence: claim.evidence };
  });
  return keyed.sort(compareEvidence).map(({ claim }) => claim);
}

function claimOf(array: NpyArray, member: NpyMember, curves: readonly Curve[]): NpyClaim[] {
  if (!(isReal(member.type) || isComplex(member.type))) return [];
  const evidence = evidenceOf(withCurves(describe(array, member, "npy"), curves));
  if (!evidence) return [];
  const { quantity, unit } = member.isFit ? { quantity: "Piezoresponse", unit: "" } : fieldNames(member);
  const dataset = displayName(datasetOf(array, member));
  const candidate = { dataset, shape: array.header.shape, quantity, unit, reason: evidence.reason };
  return [{ array, candidate, member, evidence }];
}

function membersOf({ type, fields }: NpyHeader): NpyMember[] {
  if (type) return [{ name: "", type, offset: 0 }];
  const sho = shoFieldsOf(fields);
  return sho ? [{ ...sho.amplitude, name: "", isFit: true }, ...fields] : fields;
}

function datasetOf({ name }: NpyArray, member: NpyMember): string {
  return name && member.name ? `${name}.${member.name}` : name || member.name;
}

/** The cube that is named, or the best. Throws `cube_needed` and `dataset_missing` with what there is. */
export function openNpyCube(arrays: readonly NpyArray[], selection: CubeSelection, options: NpyCubeOptions): CubeView {
  const { array, member } = choose(arrays, selection.dataset);
  if (!isComplex(member.type)) getterOf(member.type);
  const described = withCurves(describe(array, member, options.format), npyCurves(arrays));
  if (isComplex(member.type)) {
    const open = (part: ReadPart) => describe(array, { ...member, type: withPart(member.type, part) }, "").source;
    const { note, ...read } = readComplex(selection.complex, described, open);
    Object.assign(described, read);
    described.notes.push(note);
  }
  const images = arrays.filter((other) => other !== array).flatMap(npyImages);
  described.maps = (grid) => imagesOnGrid(images, grid);
  const view = member.isFit
    ? fitCube(array, described, selection.channel, options)
    : arrayCube(described, selection.channel, options.limits);
  const scale = described.axes.find(({ name }) => name && displayName(name) === view.axes.spectral.name);
  return scale ? { ...view, notes: [pairedNote(scale), ...view.notes] } : view;
}

function choose(arrays: readonly NpyArray[], dataset: string | undefined): { array: NpyArray; member: NpyMember } {
  if (dataset === undefined) {
    const [best] = npyClaims(arrays);
    if (best) return best;
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

/** The curves of a file: plain arrays of numbers along one axis. */
export function npyCurves(arrays: readonly NpyArray[]): Curve[] {
  return arrays.flatMap((array) => {
    const { shape, type } = array.header;
    const length = sizeOf(shape);
    if (!type || !isReal(type) || length < 2 || length > LONGEST_CURVE || !shape.includes(length)) return [];
    const values = () => {
      const { source } = describe(array, membersOf(array.header)[0], "");
      return source.read(source.shape.map(() => 0), source.shape);
    };
    return [lazyCurve({ name: array.label ?? array.name, length, values })];
  });
}

/** The array with its axes as the curves beside it describe them. */
function withCurves(described: DescribedArray, curves: readonly Curve[]): DescribedArray {
  const { shape } = described.source;
  if (!described.reversed) return { ...described, axes: pairedAxes(shape, curves) };
  return { ...described, axes: pairedAxes([...shape].reverse(), curves).reverse() };
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
