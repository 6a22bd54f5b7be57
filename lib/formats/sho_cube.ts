import type { ImageChannel } from "../cube/cube.ts";
import type { Channel } from "./channel.ts";
import type { FloatArray } from "./scalar_type.ts";
import {
  addPhases,
  channelNumber,
  FAILED_R2,
  fieldNames,
  type NamedField,
  phaseOffsetOf,
  type ShoFields,
  unitInBrackets,
} from "./sho_fit.ts";

export interface ShoCubeOptions<F extends NamedField> {
  channel: Channel;
  /** rows, cols, points */
  shape: readonly [number, number, number];
  slabRows: number;
  notes: string[];
  /** Fields of rows `row0` on, each rows x cols x points. */
  read(fields: readonly F[], row0: number, rows: number): FloatArray[];
  /** Images from elsewhere in the file. */
  images(): ImageChannel[];
}

/**
 * Piezoresponse A cos(phase - offset), with the offset that the channel gives or found from all good fits; R2, quality
 * factor and resonance frequency become images.
 */
export function shoCube<F extends NamedField>(sho: ShoFields<F>, options: ShoCubeOptions<F>) {
  const { channel, shape, slabRows, notes, read, images } = options;
  const limit = channelNumber(channel, "r2") ?? FAILED_R2;
  const readGood = (row0: number, rows: number) => {
    const [amplitude, phase, r2] = read([sho.amplitude, sho.phase, ...(sho.r2 ? [sho.r2] : [])], row0, rows);
    const good = Uint8Array.from(
      amplitude,
      (a, i) => Number.isFinite(a + phase[i]) && !(r2 && !(r2[i] >= limit)) ? 1 : 0,
    );
    return { amplitude, phase, good };
  };
  const sums = { cosine: 0, sine: 0 };
  const given = channelNumber(channel, "phase");
  for (let row0 = 0; given === undefined && row0 < shape[0]; row0 += slabRows) {
    const { amplitude, phase, good } = readGood(row0, Math.min(slabRows, shape[0] - row0));
    addPhases(sums, amplitude, phase, good);
  }
  const offset = given ?? phaseOffsetOf(sums);
  notes.push(
    `Piezoresponse is amplitude x cos(phase - ${offset.toFixed(4)} rad), the offset ` +
      `${given === undefined ? "found from the data up to one sign" : "as given"} (channel phase:RADIANS sets it)`,
  );
  if (sho.r2) notes.push(`Fits with R2 below ${limit} count as failed (channel r2:LIMIT sets it)`);
  return {
    quantity: "Piezoresponse",
    unit: unitInBrackets(sho.amplitude.name),
    notes,
    readRows(row0: number, rows: number) {
      const { amplitude, phase } = readGood(row0, rows);
      return amplitude.map((a, i) => a * Math.cos(phase[i] - offset));
    },
    readFailed: (row0: number, rows: number) => readGood(row0, rows).good.map((good) => 1 - good),
    maps: () => [...fitImages(sho, options), ...images()],
  };
}

/** R2, quality factor and resonance frequency, the mean over the steps of each pixel. */
function fitImages<F extends NamedField>(sho: ShoFields<F>, { shape, slabRows, read }: ShoCubeOptions<F>) {
  const [rows, cols, points] = shape;
  const fields = [...(sho.r2 ? [sho.r2] : []), ...sho.others];
  const images = fields.map((field) => {
    const { quantity, unit } = fieldNames(field);
    return { name: quantity, quantity, unit, values_HW: new Float32Array(rows * cols) };
  });
  for (let row0 = 0; row0 < rows; row0 += slabRows) {
    const count = Math.min(slabRows, rows - row0);
    read(fields, row0, count).forEach((values, f) => {
      for (let pixel = 0; pixel < count * cols; pixel++) {
        images[f].values_HW[row0 * cols + pixel] = finiteMean(values.subarray(pixel * points, (pixel + 1) * points));
      }
    });
  }
  return images;
}

function finiteMean(values: FloatArray): number {
  let [sum, count] = [0, 0];
  for (const value of values) if (Number.isFinite(value)) sum += value, count++;
  return sum / count;
}
