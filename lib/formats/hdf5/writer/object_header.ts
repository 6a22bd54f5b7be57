import type { AttributeValue, DatasetPlan, GroupPlan } from "./hdf5_plan.ts";
import type { GlobalHeap } from "./global_heap.ts";
import {
  booleanType,
  dataspace,
  ELEMENT_BYTES,
  fixedText,
  numberType,
  referenceList,
  scaleUse,
  variableText,
} from "./hdf5_types.ts";
import { LittleEndian, utf8 } from "./little_endian.ts";
import { lookup3 } from "./lookup3.ts";
import { sizeOf } from "../../../base/nd_array.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Message = [type: number, body: Bytes];

/** Types of messages. Source: HDF5 File Format Specification 3.0, IV.A.2. */
const [DATASPACE, LINK_INFO, DATATYPE, FILL_VALUE, LINK, LAYOUT, GROUP_INFO, ATTRIBUTE] = [1, 2, 3, 5, 6, 8, 10, 12];
const NOWHERE = new Uint8Array(8).fill(255);

/** Where things are; in the first pass, which only finds sizes, nowhere yet. */
export interface Addresses {
  of(plan: GroupPlan | DatasetPlan): number;
  data(plan: DatasetPlan): number;
  heap: GlobalHeap;
  /** Datasets with this scale, and the axis. */
  usesOf(scale: DatasetPlan): readonly (readonly [DatasetPlan, axis: number])[];
}

export function groupHeader(plan: GroupPlan, addresses: Addresses): Bytes {
  const links = Object.entries(plan.members).map(([name, member]): Message => {
    const [utf8Name, twoByteLength] = [0x10, 1];
    const bytes = utf8(name);
    const link = new LittleEndian().add([1, utf8Name | twoByteLength, 1]).uint(bytes.length, 2).add(bytes);
    return [LINK, link.uint(addresses.of(member), 8).toBytes()];
  });
  const info: Message[] = [
    [LINK_INFO, new LittleEndian().add([0, 0]).add(NOWHERE).add(NOWHERE).toBytes()],
    [GROUP_INFO, Uint8Array.of(0, 0)],
  ];
  return objectHeader([...info, ...links, ...plainAttributes(plan.attributes, addresses.heap)]);
}

export function datasetHeader(plan: DatasetPlan, addresses: Addresses): Bytes {
  const earlyIfSet = 0x09;
  return objectHeader([
    [DATASPACE, dataspace(plan.shape)],
    [DATATYPE, numberType(plan.dtype)],
    [FILL_VALUE, Uint8Array.of(3, earlyIfSet)],
    [LAYOUT, plan.chunked ? rowChunks(plan, addresses.data(plan)) : contiguous(plan, addresses.data(plan))],
    ...plainAttributes(plan.attributes, addresses.heap),
    ...scaleAttributes(plan, addresses),
  ]);
}

function contiguous({ shape, dtype }: DatasetPlan, address: number): Bytes {
  const size = sizeOf(shape) * ELEMENT_BYTES[dtype];
  const out = new LittleEndian().add([3, 1]);
  return (size === 0 ? out.add(NOWHERE) : out.uint(address, 8)).uint(size, 8).toBytes();
}

/** Chunks that need no index, since they lie one after another: the same bytes as in one run. */
function rowChunks({ shape, dtype }: DatasetPlan, address: number): Bytes {
  const [version, chunks, flags, implicitIndex] = [4, 2, 0, 2];
  const dimensionBytes = Math.floor(Math.log2(Math.max(...shape.slice(1))) / 8) + 1; // no more than needed
  const out = new LittleEndian().add([version, chunks, flags, shape.length + 1, dimensionBytes]);
  for (const length of [1, ...shape.slice(1), ELEMENT_BYTES[dtype]]) out.uint(length, dimensionBytes);
  return out.add([implicitIndex]).uint(address, 8).toBytes();
}

/** What makes dimension scales. Source: https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d_s__u_g.html */
function scaleAttributes(plan: DatasetPlan, addresses: Addresses): Message[] {
  const messages: Message[] = [];
  const { scaleName, scales } = plan;
  if (scaleName !== undefined) {
    messages.push(fixedAttribute("CLASS", "DIMENSION_SCALE"), fixedAttribute("NAME", scaleName));
    const uses = addresses.usesOf(plan);
    const list = new LittleEndian();
    for (const [dataset, axis] of uses) list.uint(addresses.of(dataset), 8).uint(axis, 4);
    if (uses.length > 0) messages.push(attribute("REFERENCE_LIST", scaleUse(), [uses.length], list.toBytes()));
  }
  if (scales) {
    const list = new LittleEndian();
    for (const scale of scales) {
      if (!scale) list.add(new Uint8Array(16));
      else list.add(addresses.heap.store(new LittleEndian().uint(addresses.of(scale), 8).toBytes(), 8, 1));
    }
    messages.push(attribute("DIMENSION_LIST", referenceList(), [scales.length], list.toBytes()));
    const labels = scales.map((scale) => scale?.scaleName ?? "");
    messages.push(...plainAttributes({ DIMENSION_LABELS: labels }, addresses.heap));
  }
  return messages;
}

function plainAttributes(values: Readonly<Record<string, AttributeValue>> = {}, heap: GlobalHeap): Message[] {
  return Object.entries(values).map(([name, value]) => {
    const list: readonly (string | number)[] | undefined = typeof value === "object" ? value : undefined;
    const type = list === undefined ? scalarType(value) : typeof list[0] === "string" ? "text" : "float64";
    const data = new LittleEndian();
    for (const item of list ?? [value as string | number | boolean]) {
      if (type === "text") data.add(heap.storeText(String(item)));
      else if (type === "float64") data.float64(Number(item));
      else {data.add(
          new Uint8Array(type === "int32" ? Int32Array.of(Number(item)).buffer : Uint8Array.of(item ? 1 : 0)),
        );}
    }
    return attribute(name, ATTRIBUTE_TYPES[type](), list ? [list.length] : [], data.toBytes());
  });
}

const ATTRIBUTE_TYPES = {
  text: variableText,
  boolean: booleanType,
  int32: () => numberType("int32"),
  float64: () => numberType("float64"),
};

function scalarType(value: AttributeValue): keyof typeof ATTRIBUTE_TYPES {
  if (typeof value === "string") return "text";
  if (typeof value === "boolean") return "boolean";
  return (Number(value) | 0) === value ? "int32" : "float64";
}

function fixedAttribute(name: string, text: string): Message {
  const bytes = Uint8Array.of(...utf8(text), 0);
  return attribute(name, fixedText(bytes.length), [], bytes);
}

function attribute(name: string, type: Bytes, shape: readonly number[], data: Bytes): Message {
  const [bytes, space, utf8Name] = [[...utf8(name), 0], dataspace(shape), 1];
  const out = new LittleEndian().add([3, 0]).uint(bytes.length, 2).uint(type.length, 2).uint(space.length, 2);
  return [ATTRIBUTE, out.add([utf8Name]).add(bytes).add(type).add(space).add(data).toBytes()];
}

/** Version 2, in one chunk, without times. */
function objectHeader(messages: readonly Message[]): Bytes {
  const body = new LittleEndian();
  for (const [type, message] of messages) {
    if (message.length > 0xffff) throw new RangeError(`Found ${message.length} bytes of an attribute; expected 65535`);
    body.uint(type, 1).uint(message.length, 2).uint(0, 1).add(message);
  }
  const fourByteSize = 2;
  const out = new LittleEndian().add(utf8("OHDR")).add([2, fourByteSize]).uint(body.length, 4).add(body.toBytes());
  return out.uint(lookup3(out.toBytes()), 4).toBytes();
}
