import type { ByteFile } from "../byte_file.ts";
import { checkExpansion } from "../cube_shape.ts";
import type { CubeSource, FormatLimits } from "../cube_source.ts";
import { type NpyArray, npyClaims, npyImages, openNpyCube } from "./npy_cube.ts";
import { isPickled } from "./npy_header.ts";
import { readNpyHeader } from "./npy_source.ts";
import { readZipEntries } from "../zip/zip_archive.ts";
import { checkZipEntry, openZipEntry } from "../zip/zip_entry_file.ts";

/** More than the header of any plain array takes. */
const HEADER_BYTES = 1024;

/**
 * Opens an NPZ archive: the largest array with three axes is the cube, another of its fields or arrays by name; a curve
 * with a value for each step gives the spectral axis, images on the same grid become image channels. Every array is
 * checked against its checksum first.
 */
export function openNpzSource(file: ByteFile, limits: FormatLimits): CubeSource {
  const entries = readZipEntries(file).filter(({ name }) => name.endsWith(".npy"));
  const arrays: NpyArray[] = entries.flatMap((entry) => {
    checkExpansion(entry.sizeBytes, entry.compressedBytes);
    const inner = openZipEntry(file, entry);
    // Python objects are pickled: they are never opened, and no reason to refuse the arrays beside them.
    if (entries.length > 1 && isPickled(inner.read(0, HEADER_BYTES))) return [];
    const header = readNpyHeader(inner);
    checkZipEntry(inner, entry);
    return [{ name: entry.name.slice(0, -".npy".length), file: inner, header }];
  });
  return {
    format: "npz",
    candidates: npyClaims(arrays).map(({ candidate }) => candidate),
    images: arrays.flatMap(npyImages),
    open: (selection = {}) => openNpyCube(arrays, selection, { format: "npz", limits }),
    close: () => file.close(),
  };
}
