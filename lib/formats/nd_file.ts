import { sizeOf } from "../base/nd_array.ts";
import type { ByteFile } from "./byte_file.ts";
import type { NdSource } from "./nd_cube.ts";
import { decodeRun, type FloatArray, type ScalarType } from "./scalar_type.ts";

export interface NdFileLayout {
  shape: readonly number[];
  type: ScalarType;
  /** Bytes from one element to the next, and of the wanted field within an element. */
  itemBytes: number;
  fieldOffset: number;
  dataOffset: number;
}

const READ_BYTES = 2 ** 22;

/** A raw row-major array in a file, read a hyperslab at a time without holding more than that. */
export function ndFile(file: ByteFile, layout: NdFileLayout): NdSource {
  const { shape, type, itemBytes } = layout;
  const strides = shape.map((_, axis) => itemBytes * sizeOf(shape.slice(axis + 1)));
  const read = (offset: readonly number[], count: readonly number[]): FloatArray => {
    const total = sizeOf(count);
    const out = type.kind === "float" && type.bytes < 8 ? new Float32Array(total) : new Float64Array(total);
    const run = contiguousAxes(shape, count);
    const runLength = sizeOf(count.slice(run));
    const index = new Array<number>(run).fill(0);
    const start = offset.reduce((at, first, axis) => at + first * strides[axis], layout.dataOffset);
    for (let to = 0; to < total; to += runLength) {
      const at = index.reduce((sum, i, axis) => sum + i * strides[axis], start);
      readRun(file, layout, at, out.subarray(to, to + runLength));
      for (let axis = run - 1; axis >= 0 && ++index[axis] === count[axis]; axis--) index[axis] = 0;
    }
    return out;
  };
  return { shape, read };
}

/** The first axis from which on the hyperslab is one stretch of the file. */
function contiguousAxes(shape: readonly number[], count: readonly number[]): number {
  let axis = shape.length - 1;
  while (axis > 0 && count[axis] === shape[axis]) axis--;
  return axis;
}

function readRun(file: ByteFile, layout: NdFileLayout, at: number, out: FloatArray): void {
  const { type, itemBytes, fieldOffset } = layout;
  const perRead = Math.max(1, Math.floor(READ_BYTES / itemBytes));
  const bytes = new Uint8Array(Math.min(perRead, out.length) * itemBytes);
  for (let done = 0; done < out.length; done += perRead) {
    const count = Math.min(perRead, out.length - done);
    const part = bytes.subarray(0, count * itemBytes);
    file.readInto(at + done * itemBytes, part);
    const view = new DataView(part.buffer, 0, part.length);
    decodeRun(view, type, { offset: fieldOffset, stride: itemBytes, count }, out.subarray(done));
  }
}
