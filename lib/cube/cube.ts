import type { CubeHealth, DatasetChoice, IngestedCube, ProvenanceStep } from "../schemas/cube.ts";
import type { Axis } from "../schemas/cube.ts";
import type { Region } from "../schemas/job.ts";

export type { Axis, CubeHealth, DatasetChoice, IngestedCube, ProvenanceStep, Region };

/** A separate image channel on the cube's pixel grid. */
export interface ImageChannel {
  name: string;
  quantity: string;
  unit: string;
  /** rows x cols; NaN where not measured. */
  values_HW: Float32Array;
}

/**
 * Read access to a hyperspectral cube that need not fit in memory. Values are float32 in the cube's own unit, after
 * repair. Implemented in memory (`memory_cube.ts`) and on disk (`lib/store/cube_files/cube_file.ts`).
 */
export interface CubeReader {
  /** rows, cols, points */
  readonly shape: readonly [number, number, number];
  readonly axes: { readonly row: Axis; readonly col: Axis; readonly spectral: Axis };
  readonly quantity: string;
  readonly unit: string;
  /** The map at one spectral step, rows x cols. */
  readMap(index: number): Float32Array;
  /** The spectrum of one pixel, points. */
  readSpectrum(row: number, col: number): Float32Array;
  /** The spectra of a rectangle, rows x cols x points of the region. */
  readBlock(region: Region): Float32Array;
  /** Repaired values in a rectangle as 1, others 0; same layout as `readBlock`. */
  readMask(region: Region): Uint8Array;
  /** A separate image channel by name, or undefined. */
  readImage(name: string): ImageChannel | undefined;
  readonly imageNames: readonly string[];
  close(): void;
}
