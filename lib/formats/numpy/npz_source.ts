import { sizeOf } from "../../base/nd_array.ts";
import type { ByteFile } from "../byte_file.ts";
import { checkExpansion } from "../cube_shape.ts";
import type { CubeSource, FormatLimits } from "../cube_source.ts";
import { type NpyArray, npyClaims, npyImages, openNpyCube } from "./npy_cube.ts";
import { readNpyHeader } from "./npy_source.ts";
import { readZipEntries } from "../zip/zip_archive.ts";
import { checkZipEntry, openZipEntry } from "../zip/zip_entry_file.ts";

/**
 * Opens an NPZ archive: the largest array with three axes is the cube, another of its fields or arrays by name; a curve
 * with a value for each step gives the spectral axis, images on the same grid become image channels. Every array is
 * checked against its checksum first.
 */
export function openNpzSource(file: ByteFile, limits: FormatLimits): CubeSource {
  const entries = readZipEntries(file).filter(({ name }) => name.endsWith(".npy"));
  const arrays: NpyArray[] = entries.map((entry) => {
    checkExpansion(entry.sizeBytes, entry.compressedBytes);
    const inner = openZipEntry(file, entry);
    const header = readNpyHeader(inner);
    checkZipEntry(inner, entry);
    return { name: entry.name.slice(0, -".npy".length), file: inner, header };
  });
  const claims = arrays.flatMap(npyClaims).sort((a, b) => sizeOf(b.candidate.shape) - sizeOf(a.candidate.shape));
  return {
    format: "npz",
    candidates: claims.map(({ candidate }) => candidate),
    images: arrays.flatMap(npyImages),
    open: (selection = {}) => openNpyCube(arrays, selection, { format: "npz", limits }),
    close: () => file.close(),
  };
}
