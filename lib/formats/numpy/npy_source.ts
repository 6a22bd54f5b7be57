import { unprocessable } from "../../base/errors.ts";
import { sizeOf } from "../../base/nd_array.ts";
import type { ByteFile } from "../byte_file.ts";
import type { CubeSource, FormatLimits } from "../cube_source.ts";
import { type NpyArray, npyClaims, npyImages, openNpyCube } from "./npy_cube.ts";
import { type NpyHeader, parseNpyHeader } from "./npy_header.ts";

const LONGEST_HEADER = 65536 + 12;

/** Opens an NPY file as a cube, rows x columns x points; a structured one by its fields. */
export function openNpySource(file: ByteFile, limits: FormatLimits): CubeSource {
  const array: NpyArray = { name: "", file, header: readNpyHeader(file) };
  return {
    format: "npy",
    candidates: npyClaims([array]).map(({ candidate }) => candidate),
    images: npyImages(array),
    open: (selection = {}) => openNpyCube([array], selection, { format: "npy", limits }),
    close: () => file.close(),
  };
}

/** The header of an NPY file whose size is what the header says. Throws `file_truncated`, `npy_malformed`. */
export function readNpyHeader(file: ByteFile): NpyHeader {
  const header = parseNpyHeader(file.read(0, LONGEST_HEADER));
  const wanted = header.dataOffset + sizeOf(header.shape) * header.itemBytes;
  if (file.sizeBytes === wanted) return header;
  const code = file.sizeBytes < wanted ? "file_truncated" : "npy_malformed";
  const holds = `shape [${header.shape}] of ${header.itemBytes} bytes each`;
  throw unprocessable(code, `The array has ${file.sizeBytes} bytes; expected ${wanted} for ${holds}`);
}
