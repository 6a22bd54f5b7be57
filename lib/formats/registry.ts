import { LoopscopeError, unprocessable } from "../base/errors.ts";
import { type ByteFile, openByteFile } from "./byte_file.ts";
import { type CubeSource, DEFAULT_FORMAT_LIMITS, type FormatLimits } from "./cube_source.ts";
import { openDmSource } from "./gatan/dm_source.ts";
import { isDm } from "./gatan/dm_tags.ts";
import { findHdf5, openHdf5Source } from "./hdf5/hdf5_source.ts";
import { openIgorSource } from "./igor/igor_source.ts";
import { isIgorWave } from "./igor/igor_wave.ts";
import { isMat5 } from "./matlab/mat5_arrays.ts";
import { openMat5Source } from "./matlab/mat5_source.ts";
import { isNanonisGrid } from "./nanonis/nanonis_header.ts";
import { openNanonisSource } from "./nanonis/nanonis_source.ts";
import { isNpy } from "./numpy/npy_header.ts";
import { openNpySource } from "./numpy/npy_source.ts";
import { openNpzSource } from "./numpy/npz_source.ts";
import { hasPairs, openPairSource } from "./pairs/pair_source.ts";
import { isText } from "./text/text_lines.ts";
import { openTextSource } from "./text/text_source.ts";
import { isTiff } from "./tiff/tiff_pages.ts";
import { openTiffSource } from "./tiff/tiff_source.ts";
import { hasZarr, openZarrSource } from "./zarr/zarr_source.ts";
import { isZip } from "./zip/zip_archive.ts";

const FORMATS =
  "HDF5 (NSID, USID, HyperSpy, NeXus, Velox and Berkeley EMD, MATLAB 7.3, plain), NPY, NPZ, Nanonis 3ds, MATLAB 5, " +
  "Gatan DM3 and DM4, Igor binary waves, TIFF stacks, text tables, ENVI and RPL pairs and Zarr (zspy) in a zip";
const ADVICE = "save the cube as NPY with numpy.save, rows x columns x points, and send that";

/**
 * Opens a file as a source of cubes; what it is is told from its content, never from its name. The caller closes it.
 * Throws `unknown_format`, `file_empty`, and what the readers throw: all are answers for the file's owner (422).
 */
export async function openSource(path: string, limits: FormatLimits = DEFAULT_FORMAT_LIMITS): Promise<CubeSource> {
  const file = openByteFile(path);
  let handedOver = false;
  try {
    const read = (at: number, length: number) => file.read(at, length);
    const superblock = findHdf5(read, file.sizeBytes);
    if (superblock !== undefined) return await openHdf5Source(path, superblock, limits);
    const source = openBytes(file, limits);
    handedOver = true;
    return source;
  } catch (error) {
    throw asAnswer(error);
  } finally {
    if (!handedOver) file.close();
  }
}

function openBytes(file: ByteFile, limits: FormatLimits): CubeSource {
  const first = file.read(0, 512);
  if (first.length === 0) throw unprocessable("file_empty", "The file is empty; expected a measurement");
  if (isNpy(first)) return openNpySource(file, limits);
  if (isZip(first)) return openArchive(file, limits);
  if (isNanonisGrid(first)) return openNanonisSource(file, limits);
  if (isMat5(first)) return openMat5Source(file, limits);
  if (isDm(first)) return openDmSource(file, limits);
  if (isIgorWave(first)) return openIgorSource(file, limits);
  if (isTiff(first)) return openTiffSource(file, limits);
  const table = isText(first) ? openTextSource(file, limits) : undefined;
  if (table) return table;
  throw unknownFormat(first);
}

function openArchive(file: ByteFile, limits: FormatLimits): CubeSource {
  if (hasZarr(file)) return openZarrSource(file, limits);
  return hasPairs(file) ? openPairSource(file, limits) : openNpzSource(file, limits);
}

/** In an upload a malformed file is no malformed request: 422 like every other trouble with its content. */
function asAnswer(error: unknown): unknown {
  if (!(error instanceof LoopscopeError) || error.kind !== "malformed") return error;
  return unprocessable(error.code, error.message, { cause: error });
}

/** What else people send, by its first bytes in hexadecimal. */
const OTHERS: [name: string, signature: RegExp][] = [
  ["a PNG image", /^89504e47/],
  ["a JPEG image", /^ffd8ff/],
  ["a PDF document", /^25504446/],
  ["a gzip archive: unpack it first", /^1f8b/],
  ["a Python pickle, which is never opened", /^800[2-5]/],
  ["a netCDF 3 file: convert it to netCDF 4, which is HDF5", /^434446/],
];

function unknownFormat(first: Uint8Array): LoopscopeError {
  const bytes = Array.from(first.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0"));
  const known = OTHERS.find(([, signature]) => signature.test(bytes.join("")))?.[0];
  const isText = first.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
  const met = known ?? (isText ? "text" : "none of the formats that are read");
  const message = `The file is ${met} (first bytes ${bytes.join(" ")}); expected ${FORMATS}: ${ADVICE}`;
  return unprocessable("unknown_format", message);
}
