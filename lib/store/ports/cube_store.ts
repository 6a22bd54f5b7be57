import type { Axis } from "../../schemas/cube.ts";
import type { ImageChannel } from "../../cube/cube.ts";
import type { CubeRecord } from "../../schemas/cube.ts";
import type { Region } from "../../schemas/job.ts";
import type { Listing, ListingRequest } from "../paging.ts";

/** Number and size of stored cubes. */
export interface Usage {
  cubes: number;
  bytes: number;
}

export interface CubeAdmission {
  /** Canonical text of the parse options: together with the bytes it is the cube's identity. */
  optionsKey: string;
  owner: string;
  /** For a public demo: when the cube may be removed. */
  expiresMs?: number;
  /** Called with the owner's usage in the transaction that inserts the record; what it throws refuses the cube. */
  admit?: (usage: Usage) => void;
}

export interface RemoveCubeOptions {
  ifUnused?: boolean;
  ifExpiredMs?: number;
}

/** Reads parts of one stored cube. Each read fetches only the bytes it needs. */
export interface CubeParts {
  /** Rows, columns, points. */
  readonly shape: readonly [number, number, number];
  readonly axes: { readonly row: Axis; readonly col: Axis; readonly spectral: Axis };
  readonly quantity: string;
  readonly unit: string;
  readonly imageNames: readonly string[];
  /** Pixels that lie together: reading whole rows of such tiles costs least. */
  readonly tile: { readonly rows: number; readonly cols: number };
  /** Whether any value was repaired. */
  readonly hasMask: boolean;
  /** rows x cols at one step of the spectral axis */
  readMap(step: number): Promise<Float32Array>;
  /** count x points: the spectra of `count` pixels from (row, col) on in one row */
  readSpectra(row: number, col: number, count: number): Promise<Float32Array>;
  /** rows x cols x points of the region */
  readBlock(region: Region): Promise<Float32Array>;
  /** As `readBlock`: 1 where a value was repaired. */
  readMask(region: Region): Promise<Uint8Array>;
  /** A separate image channel, or undefined. */
  readImage(name: string): Promise<ImageChannel | undefined>;
}

/** Records of cubes and their files. The files are complete before the record exists and are deleted after it. */
export interface CubeStore {
  /**
   * Takes over a finished local folder. Atomic with `admit`: of two calls with the same bytes and options one creates the
   * cube, and the other renews it, discards its folder and gets `created: false`.
   */
  add(
    finishedFolder: string,
    record: CubeRecord,
    admission: CubeAdmission,
  ): Promise<{ cube: CubeRecord; created: boolean }>;
  get(id: string): Promise<CubeRecord | undefined>;
  findByContent(sha256: string, optionsKey: string): Promise<CubeRecord | undefined>;
  list(page: ListingRequest): Promise<Listing<CubeRecord>>;
  /**
   * Deletes the record, then the files and the uploaded bytes that no other cube needs. With `ifUnused`, atomic with the
   * submission of jobs: throws `cube_in_use` (conflict) while a queued or running job uses the cube. With `ifExpiredMs` a
   * cube that does not expire by that time is kept. False when nothing was removed.
   */
  remove(id: string, options?: RemoveCubeOptions): Promise<boolean>;
  /** Gives a cube another name. Throws `cube_missing`. */
  rename(id: string, name: string): Promise<CubeRecord>;
  /** Adds a separate image channel. Throws `map_exists`, `grid_mismatch`, `too_many_maps`, `cube_missing`. */
  addImage(id: string, channel: ImageChannel): Promise<CubeRecord>;
  /** For reads of parts. Throws `cube_missing`. */
  open(id: string): Promise<CubeParts>;
  /** A local folder with the cube's files for `openCubeFile` in this or a worker process. Throws `cube_missing`. */
  localFolder(id: string): Promise<string>;
  usage(owner?: string): Promise<Usage>;
  ownerOf(id: string): Promise<string | undefined>;
  /** Cubes that may be removed. */
  expired(nowMs: number): Promise<string[]>;
  /** A cube that expires was uploaded again: it is kept longer, or for good. */
  renew(id: string, admission: { owner: string; expiresMs?: number }): Promise<void>;
}
