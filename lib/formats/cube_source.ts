import type { Axis, ImageChannel } from "../cube/cube.ts";
import type { ComplexPart } from "../schemas/given.ts";
import type { FloatArray } from "./scalar_type.ts";

/** A dataset of a file that can be read as a cube. */
export interface CubeCandidate {
  /** Path or name inside the file; empty where a file holds one array only. */
  dataset: string;
  /** As stored, before a channel is chosen. */
  shape: number[];
  quantity: string;
  unit: string;
  /** Why it stands where it does among the others. */
  reason?: string;
}

export interface CubeSelection {
  dataset?: string;
  /** `name:value` pairs separated by commas, or one word; what it may be is said when it is wrong. */
  channel?: string;
  /** What is read of complex values; default: the magnitude. */
  complex?: ComplexPart;
}

/** One cube of a file, not in memory: rows are read a slab at a time. */
export interface CubeView {
  readonly format: string;
  readonly dataset: string;
  /** rows, cols, points */
  readonly shape: readonly [number, number, number];
  readonly axes: { readonly row: Axis; readonly col: Axis; readonly spectral: Axis };
  readonly quantity: string;
  readonly unit: string;
  /** What a person should know of how it was read. */
  readonly notes: readonly string[];
  /** Where the evidence for that reading is thin: what a person should check before training on it. */
  readonly warnings?: readonly string[];
  /** How many rows at a time suit the file and memory. */
  readonly slabRows: number;
  /** Rows `row0` to `row0 + rows - 1`, rows x cols x points, in the cube's unit; NaN where nothing was measured. */
  readRows(row0: number, rows: number): FloatArray;
  /** 1 where the file itself says that a value is of no use (a failed fit); same layout as `readRows`. */
  readFailed?(row0: number, rows: number): Uint8Array;
  /** Separate image channels on the cube's grid. */
  maps(): ImageChannel[];
}

/** A separate image in a file. */
export interface StoredImage {
  /** Path or name inside the file; empty where the file holds one array only. */
  dataset: string;
  rows: number;
  cols: number;
  quantity: string;
  unit: string;
  /** rows x cols, row-major. */
  read(): FloatArray;
}

/** An opened file: what it is, the cubes in it, best first, and its images. */
export interface CubeSource {
  /** `nsid`, `usid`, `hyperspy`, `nexus`, `hdf5`, `matlab`, `npy`, `npz`, `nanonis-3ds` */
  readonly format: string;
  readonly candidates: readonly CubeCandidate[];
  readonly images: readonly StoredImage[];
  open(selection?: CubeSelection): CubeView;
  close(): void;
}

/** What reading may cost; beyond it a file is refused as `cube_too_large` or `expands_too_much`. */
export interface FormatLimits {
  maxValues: number;
  maxRowValues: number;
  maxPoints: number;
  maxPixels: number;
  /** HDF5 objects looked at. */
  maxObjects: number;
}

export const DEFAULT_FORMAT_LIMITS: FormatLimits = {
  maxValues: 2 ** 30,
  maxRowValues: 2 ** 25,
  maxPoints: 65536,
  maxPixels: 2 ** 24,
  maxObjects: 20000,
};
