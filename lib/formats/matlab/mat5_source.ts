import type { ByteFile } from "../byte_file.ts";
import type { CubeSource, FormatLimits } from "../cube_source.ts";
import { readMat5Arrays } from "./mat5_arrays.ts";
import { npyClaims, npyImages, openNpyCube } from "../numpy/npy_cube.ts";

/** Opens a MATLAB 5 file: the largest numeric array with three axes, rows x columns x points as MATLAB shows it. */
export function openMat5Source(file: ByteFile, limits: FormatLimits): CubeSource {
  const arrays = readMat5Arrays(file);
  return {
    format: "matlab",
    candidates: npyClaims(arrays).map(({ candidate }) => candidate),
    images: arrays.flatMap(npyImages),
    open: (selection = {}) => openNpyCube(arrays, selection, { format: "matlab", limits }),
    close: () => file.close(),
  };
}
