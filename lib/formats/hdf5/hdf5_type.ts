import type { H5Metadata } from "./hdf5_module.ts";
import type { ScalarType } from "../scalar_type.ts";

// H5T_class_t: https://docs.hdfgroup.org/hdf5/v1_14/group___h5_t.html
const CLASS = {
  integer: 0,
  float: 1,
  time: 2,
  string: 3,
  bitfield: 4,
  opaque: 5,
  compound: 6,
  reference: 7,
  enumeration: 8,
  vlen: 9,
  array: 10,
};

export interface Hdf5Field {
  /** Nested members are joined by dots. */
  name: string;
  type: ScalarType;
  offset: number;
}

/** What an element is once it has been read into memory. */
export interface Hdf5Element {
  bytes: number;
  /** A plain number (complex included), … */
  scalar?: ScalarType;
  /** … the members of a compound, … */
  fields: Hdf5Field[];
  /** … or something without numbers, in words. */
  kind: "number" | "compound" | "string" | "reference" | "other";
  /** A string by pointer. */
  isVariable?: boolean;
  words: string;
}

/** The layout of elements in memory after a read: the library turns big-endian types round where all of it is. */
export function elementOf(metadata: H5Metadata): Hdf5Element {
  const bytes = metadata.size;
  const none = { bytes, fields: [] };
  switch (metadata.type) {
    case CLASS.compound:
      return compoundElement(metadata);
    case CLASS.string:
      return { ...none, kind: "string", isVariable: metadata.vlen, words: "strings" };
    case CLASS.reference:
      return { ...none, kind: "reference", words: "references" };
    default: {
      const scalar = scalarOf(metadata, true);
      if (!scalar) return { ...none, kind: "other", words: nameOfClass(metadata.type) };
      return { ...none, scalar, kind: "number", words: `${scalar.kind}${bytes * 8}` };
    }
  }
}

function compoundElement(metadata: H5Metadata): Hdf5Element {
  const members = metadata.compound_type?.members ?? [];
  const ordered = members.filter((member) => member.type !== CLASS.string);
  const turned = ordered.length > 0 && ordered.every((member) => !member.littleEndian);
  const fields = members.flatMap((member) => fieldsOf(member, "", 0, turned));
  const names = fields.map((field) => field.name).join(", ");
  const bytes = metadata.size;
  const complex = complexOf(fields, bytes);
  if (complex) return { bytes, fields: [], scalar: complex, kind: "number", words: `complex${bytes * 8}` };
  return { bytes, fields, kind: "compound", words: `records of (${names})` };
}

type Member = NonNullable<H5Metadata["compound_type"]>["members"][number];

function fieldsOf(member: Member, prefix: string, offset: number, turned: boolean): Hdf5Field[] {
  const name = prefix + member.name;
  if (member.type === CLASS.compound) {
    const inner = member.compound_type?.members ?? [];
    return inner.flatMap((field) => fieldsOf(field, `${name}.`, offset + member.offset, turned));
  }
  const type = scalarOf(member, turned);
  return type ? [{ name, type, offset: offset + member.offset }] : [];
}

/** How h5py stores complex numbers: a compound of two equal floats named r and i. */
function complexOf(fields: Hdf5Field[], bytes: number): ScalarType | undefined {
  const pair = fields.map((field) => field.name).join();
  const named = ["r,i", "real,imag", "re,im"].includes(pair);
  if (!named || fields.some((field) => field.type.kind !== "float" || field.type.bytes * 2 !== bytes)) return undefined;
  return { kind: "complex", bytes, littleEndian: true };
}

function scalarOf(metadata: H5Metadata, turned: boolean): ScalarType | undefined {
  const { size: bytes, signed } = metadata;
  const littleEndian = turned || metadata.littleEndian || bytes === 1;
  const base = metadata.type === CLASS.enumeration ? metadata.enum_type?.type : metadata.type;
  if (base === CLASS.float) return [2, 4, 8].includes(bytes) ? { kind: "float", bytes, littleEndian } : undefined;
  const members = metadata.type === CLASS.enumeration ? Object.keys(metadata.enum_type?.members ?? {}) : [];
  if (members.length === 2 && members.includes("TRUE") && members.includes("FALSE") && bytes === 1) {
    return { kind: "bool", bytes, littleEndian };
  }
  if (base !== CLASS.integer || ![1, 2, 4, 8].includes(bytes)) return undefined;
  return { kind: signed ? "int" : "uint", bytes, littleEndian };
}

function nameOfClass(type: number): string {
  const name = Object.entries(CLASS).find(([, value]) => value === type)?.[0];
  return name ? `${name} values` : "values of an unknown type";
}
