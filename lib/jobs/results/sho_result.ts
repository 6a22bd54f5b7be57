import { fitShos, SHO_QUANTITIES } from "../../analysis/sho_fit.ts";
import { unprocessable } from "../../base/errors.ts";
import type { ResultTree } from "../../base/nd_array.ts";
import { createPause } from "../../training/pause.ts";
import { rowBlocks, toMap, wholeMap } from "./map_pixels.ts";
import type { ResultInput } from "./result_input.ts";

/**
 * Harmonic-oscillator fits of raw band-excitation spectra: maps `amplitude`, `resonance`, `qualityFactor`, `phase`, `r2`,
 * with `axis` and `units`. The cube is the real part, `imaginary` the rest. Throws `no_complex_response` without it,
 * `shape_mismatch` where the two differ, `no_resonance_axis` where the axis is no rising, positive frequency.
 */
export async function shoResult({ cube, imaginary, signal, progress }: ResultInput): Promise<ResultTree> {
  const frequency = cube.axes.spectral;
  if (!imaginary) {
    throw unprocessable(
      "no_complex_response",
      "An oscillator fit needs the complex response: this cube holds one real number a step; give the cube of its " +
        "imaginary part as `imaginary`",
    );
  }
  if (imaginary.shape.some((length, i) => length !== cube.shape[i])) {
    throw unprocessable(
      "shape_mismatch",
      `The real part is ${cube.shape.join(" x ")}, the imaginary part ${imaginary.shape.join(" x ")}`,
    );
  }
  if (!frequency.values.every((f, i, all) => f > 0 && (i === 0 || f > all[i - 1])) || frequency.values.length < 5) {
    throw unprocessable(
      "no_resonance_axis",
      `An oscillator fit needs 5 or more rising frequencies above 0; received ${frequency.values.length} values of ${frequency.name}`,
    );
  }
  const [rows, cols] = cube.shape, width = SHO_QUANTITIES.length;
  const fits_NP = new Float64Array(rows * cols * width);
  const pause = createPause(signal, () => performance.now());
  for (const { row, rows: count, values_NS } of rowBlocks(cube)) {
    const imaginary_NS = imaginary.readBlock({ row, col: 0, rows: count, cols });
    fits_NP.set(fitShos({ real_NS: values_NS, imaginary_NS }, frequency.values), row * cols * width);
    progress((row + count) / rows);
    await pause();
  }
  const units = { amplitude: cube.unit, resonance: frequency.unit, qualityFactor: "", phase: "rad", r2: "" };
  const maps = SHO_QUANTITIES.map((
    name,
    offset,
  ) => [name, toMap(cube, wholeMap(cube), fits_NP, { stride: width, offset })]);
  return { axis: frequency, units, ...Object.fromEntries(maps) };
}
