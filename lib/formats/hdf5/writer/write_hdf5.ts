import { type ByteSource, bytesSource, joinSources } from "../../../base/byte_source.ts";
import { sizeOf } from "../../../base/nd_array.ts";
import { GlobalHeap } from "./global_heap.ts";
import { type DatasetPlan, type GroupPlan, isGroup } from "./hdf5_plan.ts";
import { ELEMENT_BYTES } from "./hdf5_types.ts";
import { LittleEndian } from "./little_endian.ts";
import { lookup3 } from "./lookup3.ts";
import { type Addresses, datasetHeader, groupHeader } from "./object_header.ts";

type Plan = GroupPlan | DatasetPlan;

const SUPERBLOCK_BYTES = 48;
const ALIGNMENT = 8;

/**
 * An HDF5 file (1.8 or later) as a source of bytes: superblock, object headers and heap first, then the values of each
 * dataset in one run, which are read from their own sources only when they are asked for. So a file of any size needs
 * little memory, its length is known at once and any range of it can be sent; HDF5's own library, here compiled to
 * WebAssembly, writes only what it holds in memory. The same plan always gives the same bytes.
 * Source: HDF5 File Format Specification 3.0
 */
export function writeHdf5(root: GroupPlan): ByteSource {
  const plans = [...collect(root)];
  const usesOf = scaleUses(plans);
  // Sizes do not depend on addresses: the first pass finds them.
  const sizes = encode(plans, { of: () => 0, data: () => 0, heap: new GlobalHeap(0), usesOf });
  const place = placeAll(plans, sizes);
  const heap = new GlobalHeap(place.heap);
  const headers = encode(plans, {
    of: (plan) => place.headers.get(plan)!,
    data: (p) => place.data.get(p)!,
    heap,
    usesOf,
  });
  const front = [superblock(place.headers.get(root)!, place.end), ...headers.headers, heap.toBytes()];
  const sources = front.flatMap((bytes) => aligned(bytesSource(bytes)));
  return joinSources([...sources, ...plans.flatMap((plan) => isGroup(plan) ? [] : aligned(plan.data))]);
}

function* collect(plan: Plan, seen = new Set<Plan>()): Generator<Plan> {
  if (seen.has(plan)) return;
  seen.add(plan);
  yield plan;
  if (isGroup(plan)) { for (const member of Object.values(plan.members)) yield* collect(member, seen); }
}

function scaleUses(plans: readonly Plan[]): Addresses["usesOf"] {
  const uses = new Map<DatasetPlan, [DatasetPlan, number][]>();
  for (const plan of plans) {
    if (isGroup(plan)) continue;
    const expected = sizeOf(plan.shape) * ELEMENT_BYTES[plan.dtype];
    if (plan.data.sizeBytes !== expected) {
      throw new RangeError(`Found ${plan.data.sizeBytes} bytes of values; expected ${expected}`);
    }
    plan.scales?.forEach((scale, axis) => {
      if (scale) uses.set(scale, [...uses.get(scale) ?? [], [plan, axis]]);
    });
  }
  return (scale) => uses.get(scale) ?? [];
}

function encode(plans: readonly Plan[], addresses: Addresses) {
  const headers = plans.map((plan) => isGroup(plan) ? groupHeader(plan, addresses) : datasetHeader(plan, addresses));
  return { headers, heapBytes: addresses.heap.toBytes().length };
}

function placeAll(plans: readonly Plan[], { headers, heapBytes }: ReturnType<typeof encode>) {
  let end = SUPERBLOCK_BYTES;
  const take = (bytes: number) => {
    const at = end;
    end += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return at;
  };
  const headerAt = new Map(plans.map((plan, i) => [plan, take(headers[i].length)]));
  const heap = take(heapBytes);
  const data = new Map(plans.flatMap((plan) => isGroup(plan) ? [] : [[plan, take(plan.data.sizeBytes)] as const]));
  return { headers: headerAt, heap, data, end };
}

function aligned(source: ByteSource): ByteSource[] {
  const rest = source.sizeBytes % ALIGNMENT;
  return rest === 0 ? [source] : [source, bytesSource(new Uint8Array(ALIGNMENT - rest))];
}

function superblock(rootAddress: number, endOfFile: number): Uint8Array<ArrayBuffer> {
  const out = new LittleEndian().add([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 2, 8, 8, 0]).uint(0, 8);
  out.add(new Uint8Array(8).fill(255)).uint(endOfFile, 8).uint(rootAddress, 8); // no extension
  return out.uint(lookup3(out.toBytes()), 4).toBytes();
}
