import { unprocessable } from "../base/errors.ts";
import { sizeOf } from "../base/nd_array.ts";
import { wordsForShape } from "./array_claim.ts";
import type { ByteFile } from "./byte_file.ts";
import { arrayCube, type DescribedArray } from "./described_array.ts";
import type { CubeSource, FormatLimits, StoredImage } from "./cube_source.ts";
import { displayList } from "./display_name.ts";
import { ndFile } from "./nd_file.ts";
import { toRowMajor } from "./npy.ts";
import { type NpyHeader, parseNpyHeader } from "./npy_header.ts";
import { getterOf, isReal, type ScalarType, scalarTypeName } from "./scalar_type.ts";

const LONGEST_HEADER = 65536 + 12;
const MOST_PIXELS = 2 ** 24;

/** One array of numbers in an NPY file: the whole, or one field of its records. */
export interface NpyMember {
  dataset: string;
  type: ScalarType;
  fieldOffset: number;
}

/** Opens an NPY file as a cube, rows x columns x points; a structured one by its field (`dataset`). */
export function openNpySource(file: ByteFile, limits: FormatLimits): CubeSource {
  const header = parseNpyHeader(file.read(0, LONGEST_HEADER));
  const wanted = header.dataOffset + sizeOf(header.shape) * header.itemBytes;
  if (file.sizeBytes !== wanted) {
    const problem = file.sizeBytes < wanted ? "file_truncated" : "npy_malformed";
    const message =
      `Met ${file.sizeBytes} bytes, wanted ${wanted} for shape [${header.shape}] of ${header.itemBytes} bytes each`;
    throw unprocessable(problem, message);
  }
  const members = npyMembers(header);
  const { shape } = header;
  return {
    format: "npy",
    candidates: members.filter(({ type }) => isReal(type))
      .map(({ dataset }) => ({ dataset, shape, quantity: dataset, unit: "" })),
    images: members.flatMap((member) => imageOf(file, header, member)),
    open({ dataset, channel } = {}) {
      const member = chooseMember(members, dataset);
      getterOf(member.type);
      if (shape.filter((length) => length > 1).length < 3) {
        const met = `The array of shape [${shape}] is ${wordsForShape(shape)}`;
        throw unprocessable("cube_needed", `${met}, wanted three axes: rows, columns and spectral steps`);
      }
      return arrayCube(describeNpy(file, header, member), channel, limits);
    },
    close: () => file.close(),
  };
}

/** What can be chosen in an array: itself, or its fields. */
export function npyMembers(header: NpyHeader): NpyMember[] {
  if (header.type) return [{ dataset: "", type: header.type, fieldOffset: 0 }];
  return header.fields.map(({ name, type, offset }) => ({ dataset: name, type, fieldOffset: offset }));
}

/** The field of this name; without a name the array itself, or the first field that holds real numbers. */
export function chooseMember(members: NpyMember[], dataset: string | undefined): NpyMember {
  const named = members.find((member) => member.dataset === (dataset ?? ""));
  const found = named ?? (dataset ? undefined : members.find(({ type }) => isReal(type)) ?? members[0]);
  if (found) return found;
  const names = members.map((member) => member.dataset).filter((name) => name !== "");
  const there = names.length > 0 ? `it has fields ${displayList(names)}` : "it is one plain array without names";
  throw unprocessable("dataset_missing", `The array has no field ${displayList([dataset ?? ""])}: ${there}`);
}

/** The member as an image, where it is one. */
export function imageOf(file: ByteFile, header: NpyHeader, member: NpyMember): StoredImage[] {
  const lengths = header.shape.filter((length) => length !== 1);
  const isImage = lengths.length === 2 && !lengths.includes(0) && sizeOf(lengths) <= MOST_PIXELS;
  if (!isImage || !isReal(member.type)) return [];
  const [rows, cols] = lengths;
  const read = () => {
    const { source, reversed } = describeNpy(file, header, member);
    const values = source.read(source.shape.map(() => 0), source.shape);
    return reversed ? toRowMajor(values, [rows, cols]) : values;
  };
  return [{ dataset: member.dataset, rows, cols, quantity: "", unit: "", read }];
}

/**
 * The member as an array in C order: what is stored in Fortran order is the same bytes with its axes reversed, so the
 * roles of rows, columns and points are reversed instead of the data.
 */
export function describeNpy(file: ByteFile, header: NpyHeader, member: NpyMember): DescribedArray {
  const { type, fieldOffset } = member;
  const { itemBytes, dataOffset, fortranOrder } = header;
  const shape = fortranOrder ? [...header.shape].reverse() : header.shape;
  const source = ndFile(file, { shape, type, itemBytes, fieldOffset, dataOffset });
  const axes = header.shape.map(() => ({}));
  const notes = type.littleEndian || type.bytes === 1 ? [] : [`Values are ${scalarTypeName(type)}`];
  const array = { format: "npy", dataset: member.dataset, source, axes, quantity: member.dataset, unit: "", notes };
  return fortranOrder ? { ...array, reversed: true } : array;
}
