import { type ByteSource, bytesSource, joinSources } from "../base/byte_source.ts";
import { type NdArray, ndArray } from "../base/nd_array.ts";
import type { Yield } from "../base/scheduler.ts";
import type { ImageChannel } from "../cube/cube.ts";
import { cubePlan } from "../formats/hdf5/writer/cube_plan.ts";
import { writeHdf5 } from "../formats/hdf5/writer/write_hdf5.ts";
import { npyHead, npyPieces } from "../formats/numpy/npy.ts";
import { writeZip } from "../formats/zip/write_zip.ts";
import type { CubeRecord } from "../schemas/cube.ts";
import type { CubeParts } from "../store/ports/cube_store.ts";
import { cubeBytes } from "./cube_bytes.ts";

export type CubeFormat = "hdf5" | "npy" | "npz";

/** A stored cube as a file: its values (NPY), with axes, mask and image channels too (NPZ, HDF5). */
export async function exportCube(
  record: CubeRecord,
  cube: CubeParts,
  { format, yieldTurn }: { format: CubeFormat; yieldTurn: Yield },
): Promise<ByteSource> {
  const values = cubeBytes(cube, "values", yieldTurn);
  const valuesNpy = joinSources([bytesSource(npyHead({ dtype: "float32", shape: record.shape })), values]);
  if (format === "npy") return valuesNpy;
  const mask = cube.hasMask ? cubeBytes(cube, "mask", yieldTurn) : undefined;
  const images: ImageChannel[] = [];
  for (const name of cube.imageNames) images.push((await cube.readImage(name))!);
  if (format === "hdf5") {
    return writeHdf5(cubePlan({ ...record, values, mask, images, attributes: originOf(record) }));
  }
  const maskHead = npyHead({ dtype: "uint8", shape: record.shape });
  return writeZip({
    "values.npy": valuesNpy,
    ...(mask ? { "mask.npy": joinSources([bytesSource(maskHead), mask]) } : {}),
    ...npyEntries(record, images),
  });
}

function npyEntries({ axes, shape: [rows, cols], ...about }: CubeRecord, images: readonly ImageChannel[]) {
  const arrays: Record<string, NdArray> = {};
  for (const [role, { values }] of Object.entries(axes)) {
    arrays[`axes/${role}`] = ndArray(Float64Array.from(values), [values.length]);
  }
  for (const { name, values_HW } of images) {
    arrays[`maps/${name.replaceAll(/[\\/:]/g, "_")}`] = ndArray(values_HW, [rows, cols]);
  }
  const named = Object.fromEntries(Object.entries(axes).map(([role, { name, unit }]) => [role, { name, unit }]));
  const text = new TextEncoder().encode(JSON.stringify({ ...about, axes: named }));
  arrays.metadata = ndArray(text, [text.length]);
  const asSource = (array: NdArray) => joinSources(npyPieces(array).map(bytesSource));
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, asSource(array)]));
}

/** Where the values come from, as attributes. */
function originOf({ id, format, dataset, sha256, createdAt, notes, provenance }: CubeRecord) {
  const lists = { notes: JSON.stringify(notes), provenance: JSON.stringify(provenance) };
  return {
    cube: id,
    source_format: format,
    source_dataset: dataset,
    source_sha256: sha256,
    created_at: createdAt,
    ...lists,
  };
}
