import type { ComplexPart } from "../../schemas/given.ts";
import type { CubeCandidate, CubeView, FormatLimits } from "../cube_source.ts";
import type { Hdf5Dataset, Hdf5File } from "./hdf5_file.ts";
import type { Hdf5Tree } from "./hdf5_tree.ts";

/** An opened HDF5 file and all that was found in it. */
export interface Hdf5Context {
  file: Hdf5File;
  tree: Hdf5Tree;
  /** Datasets by path. */
  datasets: ReadonlyMap<string, Hdf5Dataset>;
  limits: FormatLimits;
}

/** A dataset that a dialect (NSID, USID, …) knows how to read. */
export interface Hdf5Claim extends CubeCandidate {
  /** Its path in the file, unlike `dataset` never altered for display. */
  path: string;
  /** Why it is no cube, in words, or undefined where it is one: `an image of 256 x 256`. */
  otherwise?: string;
  /** Higher is taken first; size decides between equals. */
  rank: number;
  open(channel: string | undefined, complex?: ComplexPart): CubeView;
}

/** One way of laying out measurements in HDF5: which datasets of a file follow it. */
export interface Hdf5Dialect {
  format: string;
  claims(context: Hdf5Context): Hdf5Claim[];
}
