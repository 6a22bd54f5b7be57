import { medianInPlace } from "../../cube/quick_select.ts";
import { repairMap } from "../../cube/repair.ts";
import type { CubeFileWriter } from "../../store/cube_files/cube_file_writer.ts";

export interface RepairOptions {
  /** `off` replaces only what is not finite. */
  mode: "robust" | "off";
  /** Told after every few maps. */
  onProgress: () => void;
}

export interface RepairedCube {
  nan: number;
  outliers: number;
  /** Replaced steps of each pixel, rows x cols. */
  repaired_HW: Uint32Array;
}

const BATCH_VALUES = 2 ** 22;
const SAMPLES = 4096;
/** Below the limit of 8 robust deviations by more than a sample of 4096 can be off. */
const PLAINLY_GOOD = 6;
const MAD_TO_SD = 1.4826;

/** Repairs a cube on disk a few maps at a time; a map without one good value takes the nearest step's that has. */
export function repairCubeFile(
  writer: CubeFileWriter,
  [rows, cols, points]: readonly [number, number, number],
  { mode, onProgress }: RepairOptions,
): RepairedCube {
  const pixels = rows * cols;
  const result = { nan: 0, outliers: 0, repaired_HW: new Uint32Array(pixels) };
  const batch = Math.max(1, Math.floor(BATCH_VALUES / pixels));
  let previous_HW: Float32Array | undefined;
  let leading = 0;
  for (let first = 0; first < points; first += batch) {
    const count = Math.min(batch, points - first);
    const values_SHW = writer.readMaps(first, count);
    const mask_SHW = new Uint8Array(values_SHW.length);
    let changed = false;
    for (let s = 0; s < count; s++) {
      const range = [s * pixels, (s + 1) * pixels] as const;
      const values_HW = values_SHW.subarray(...range);
      if (isPlainlyGood(values_HW)) {
        previous_HW = values_HW;
        continue;
      }
      const repaired = repairMap(values_HW, rows, cols, { mode, fallback_HW: previous_HW });
      if (Number.isNaN(repaired.values_HW[0])) leading = first + s + 1;
      else previous_HW = repaired.values_HW;
      const { nan, outliers, mask_HW } = repaired;
      result.nan += nan;
      result.outliers += outliers;
      if (nan + outliers === 0) continue;
      changed = true;
      values_SHW.set(repaired.values_HW, range[0]);
      mask_SHW.set(mask_HW, range[0]);
      for (let i = 0; i < pixels; i++) result.repaired_HW[i] += mask_HW[i];
    }
    if (changed) writer.writeMaps(first, values_SHW, mask_SHW);
    onProgress();
  }
  for (let index = leading - 1; index >= 0; index--) writer.writeMap(index, writer.readMap(leading));
  return result;
}

/**
 * True where all of a large map lies well within the limit, judged from a sample of its values: most maps do, and need
 * not be sorted to be sure of it.
 */
function isPlainlyGood(values_HW: Float32Array): boolean {
  if (values_HW.length < 4 * SAMPLES) return false;
  const step = values_HW.length / SAMPLES;
  const sample = Float32Array.from({ length: SAMPLES }, (_, i) => values_HW[Math.floor((i + 0.5 * (i % 2)) * step)]);
  if (!sample.every(Number.isFinite)) return false;
  const median = medianInPlace(sample);
  for (let i = 0; i < SAMPLES; i++) sample[i] = Math.abs(sample[i] - median);
  const distance = PLAINLY_GOOD * MAD_TO_SD * medianInPlace(sample);
  if (!(distance > 0)) return false;
  // A NaN is not within any distance.
  for (let i = 0; i < values_HW.length; i++) if (!(Math.abs(values_HW[i] - median) <= distance)) return false;
  return true;
}
