import type { ComplexPart } from "../../schemas/given.ts";
import type { CubeEvidence } from "../cube_evidence.ts";
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
  /** Higher is taken first; evidence and size decide between equals. */
  rank: number;
  /** How sure it is that it is a cube, where that follows from its axes. */
  evidence?: CubeEvidence;
  open(channel: string | undefined, complex?: ComplexPart): CubeView;
}

/** One way of laying out measurements in HDF5: which datasets of a file follow it. */
export interface Hdf5Dialect {
  format: string;
  claims(context: Hdf5Context): Hdf5Claim[];
}
