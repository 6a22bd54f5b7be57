import { unprocessable } from "../../base/errors.ts";
import type { MeasurementsRequest } from "../../schemas/experiment.ts";
import type { MeasuredPoints, StoredExperiment } from "../../store/ports/experiment_store.ts";
import type { Store } from "../../store/ports/store.ts";

/**
 * The points of a request with their spectra, in a rehearsal those of its cube. Throws, for the first fault, `outside_map`,
 * `point_twice`, `rehearsal_values`, `values_missing`, `not_finite` or `spectrum_length` (unprocessable).
 */
export async function requestedPoints(
  { points }: MeasurementsRequest,
  record: StoredExperiment,
  store: Pick<Store, "cubes">,
): Promise<MeasuredPoints> {
  const [rows, cols] = record.shape;
  const cube = record.cube === undefined ? undefined : await store.cubes.open(record.cube);
  const seen = new Set<number>();
  const spectra: Float32Array[] = [];
  for (const point of points) {
    const { row, col, values } = point;
    const place = `Point at row ${row}, column ${col}`;
    if (row >= rows || col >= cols) {
      const detail = `${place} is off the map; expected rows 0 to ${rows - 1}, columns 0 to ${cols - 1}`;
      throw unprocessable("outside_map", detail);
    }
    if (seen.has(row * cols + col)) throw unprocessable("point_twice", `${place} is there twice; expected it once`);
    seen.add(row * cols + col);
    if (cube && values) throw unprocessable("rehearsal_values", `${place} has values; expected none in a rehearsal`);
    if (!cube && !values) throw unprocessable("values_missing", `${place} has no values; expected its spectrum`);
    const spectrum = cube ? await cube.readSpectra(row, col, 1) : Float32Array.from(values!);
    if (!spectrum.every(Number.isFinite)) {
      throw unprocessable("not_finite", `${place} has a value that is not finite; expected finite float32 values`);
    }
    const wanted = record.points ?? spectra[0]?.length ?? spectrum.length;
    if (spectrum.length !== wanted) throw wrongLength(wanted, spectrum.length, point);
    spectra.push(spectrum);
  }
  const length = spectra[0]?.length ?? 0;
  const values_NS = new Float32Array(spectra.length * length);
  spectra.forEach((spectrum, n) => values_NS.set(spectrum, n * length));
  return { pixels: Int32Array.from(seen), values_NS };
}

export function wrongLength(wanted: number, met: number, { row, col }: { row: number; col: number }) {
  const detail = `Point at row ${row}, column ${col} has ${met} values; expected ${wanted}, as the others`;
  return unprocessable("spectrum_length", detail);
}
