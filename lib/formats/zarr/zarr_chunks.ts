import { gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import { LoopscopeError } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { ByteFile } from "../byte_file.ts";
import { checkExpansion } from "../cube_shape.ts";
import type { NdSource } from "../nd_cube.ts";
import { withPart } from "../complex_part.ts";
import { decodeRun, type FloatArray, type ReadPart } from "../scalar_type.ts";
import type { ZipEntry } from "../zip/zip_archive.ts";
import { checkZipEntry, openZipEntry } from "../zip/zip_entry_file.ts";
import { decodeBlosc } from "./zarr_blosc.ts";
import { zarrError } from "./zarr_error.ts";
import type { ZarrArray } from "./zarr_metadata.ts";

type Decode = (stored: Uint8Array, most: number) => Uint8Array;
const CODECS: Readonly<Record<string, Decode>> = {
  blosc: decodeBlosc,
  zstd: (stored, most) => zstdDecompressSync(stored, { maxOutputLength: most }),
  gzip: (stored, most) => gunzipSync(stored, { maxOutputLength: most }),
  zlib: (stored, most) => inflateSync(stored, { maxOutputLength: most }),
  // ZIP keeps a checksum of its own.
  crc32c: (stored) => stored.subarray(0, Math.max(0, stored.length - 4)),
};
const CHECKSUM_BYTES = 4;

export interface ZarrStore {
  file: ByteFile;
  entries: ReadonlyMap<string, ZipEntry>;
}

/** An array whose chunks are unpacked one at a time, when they are read; where there is no chunk its fill value stands. */
export function zarrChunks(store: ZarrStore, array: ZarrArray, part?: ReadPart): NdSource {
  const { shape, chunk } = array;
  const type = withPart(array.type, part);
  const newFloats = (length: number): FloatArray =>
    type.kind === "float" && type.bytes < 8 ? new Float32Array(length) : new Float64Array(length);
  // Whole chunks: entries of one archive may share their bytes.
  const gridBytes = sizeOf(shape.map((length, axis) => Math.ceil(length / chunk[axis]) * chunk[axis])) * type.bytes;
  const read = (offset: readonly number[], count: readonly number[]): FloatArray => {
    checkExpansion(gridBytes, store.file.sizeBytes);
    const out = newFloats(sizeOf(count)).fill(array.fill);
    const first = offset.map((from, axis) => Math.floor(from / chunk[axis]));
    const chunks = offset.map((from, axis) => Math.floor((from + count[axis] - 1) / chunk[axis]) - first[axis] + 1);
    eachIndex(chunks, (relative) => {
      const index = relative.map((i, axis) => first[axis] + i);
      const bytes = chunkBytes(store, array, index);
      if (!bytes) return;
      const values = newFloats(sizeOf(chunk));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      decodeRun(view, type, { offset: 0, stride: type.bytes, count: values.length }, values);
      copyOverlap(values, array, index, { out, offset, count });
    });
    return out;
  };
  return { shape, chunk, read };
}

/** The bytes of a chunk, unpacked, or undefined where it is not stored. Throws `zarr_malformed`, `zarr_codec`. */
function chunkBytes({ file, entries }: ZarrStore, array: ZarrArray, index: readonly number[]): Uint8Array | undefined {
  const entry = entries.get([array.path, array.key(index)].filter(Boolean).join("/"));
  if (!entry) return undefined;
  const wanted = sizeOf(array.chunk) * array.type.bytes;
  const most = wanted + CHECKSUM_BYTES * array.codecs.length;
  if (entry.sizeBytes > 2 * most + 2 ** 16) throw zarrError(`a chunk of ${entry.sizeBytes} bytes for ${wanted}`);
  const stored = openZipEntry(file, entry);
  checkZipEntry(stored, entry);
  let bytes: Uint8Array = stored.read(0, stored.sizeBytes);
  for (const name of [...array.codecs].reverse()) {
    const decode = CODECS[name];
    if (!decode) {
      throw zarrError(`chunks packed by ${name}; expected ${Object.keys(CODECS).join(", ")} or none`, "zarr_codec");
    }
    bytes = unpack(decode, bytes, most);
  }
  if (bytes.length === wanted) return bytes;
  throw zarrError(`a chunk of ${bytes.length} bytes in ${array.path}; expected ${wanted}`);
}

function unpack(decode: Decode, bytes: Uint8Array, most: number): Uint8Array {
  try {
    return decode(bytes, most);
  } catch (error) {
    if (error instanceof LoopscopeError) throw error;
    throw zarrError(`a damaged chunk: ${(error as Error).message}`);
  }
}

interface Target {
  out: FloatArray;
  offset: readonly number[];
  count: readonly number[];
}

/** Copies what a chunk and a hyperslab have in common. */
function copyOverlap(
  values: FloatArray,
  { chunk, fortran }: ZarrArray,
  index: readonly number[],
  { out, offset, count }: Target,
): void {
  const start = chunk.map((length, axis) => Math.max(offset[axis], index[axis] * length));
  const end = chunk.map((length, axis) => Math.min(offset[axis] + count[axis], (index[axis] + 1) * length));
  const from = stridesOf(chunk, fortran), to = stridesOf(count, false);
  const last = chunk.length - 1;
  const lengths = start.map((first, axis) => axis === last ? 1 : end[axis] - first);
  eachIndex(lengths, (relative) => {
    let [source, target] = [0, 0];
    for (let axis = 0; axis <= last; axis++) {
      const at = start[axis] + relative[axis];
      source += (at - index[axis] * chunk[axis]) * from[axis];
      target += (at - offset[axis]) * to[axis];
    }
    for (let i = start[last]; i < end[last]; i++, source += from[last]) out[target++] = values[source];
  });
}

function stridesOf(shape: readonly number[], fortran: boolean): number[] {
  return shape.map((_, axis) => sizeOf(fortran ? shape.slice(0, axis) : shape.slice(axis + 1)));
}

function eachIndex(lengths: readonly number[], use: (index: readonly number[]) => void): void {
  const index = lengths.map(() => 0);
  for (let left = sizeOf(lengths); left > 0; left--) {
    use(index);
    for (let axis = lengths.length - 1; axis >= 0 && ++index[axis] === lengths[axis]; axis--) index[axis] = 0;
  }
}
