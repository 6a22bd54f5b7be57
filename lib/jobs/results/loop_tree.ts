import { FIT_QUANTITIES, fitLoops } from "../../analysis/fit_loops.ts";
import { LoopFitter } from "../../analysis/loop_fit.ts";
import { LOOP_PARAMETERS, loopParameters } from "../../analysis/loop_parameters.ts";
import type { ResultTree } from "../../base/nd_array.ts";
import type { CubeReader } from "../../cube/cube.ts";
import type { Pause } from "../../training/pause.ts";
import { type Positions, toMap } from "./map_pixels.ts";

/** Parameters of each loop, N x P, and of its fit, N x Q, where that was asked for. */
export interface LoopTable {
  parameters_NP: Float64Array;
  fits_NQ?: Float64Array;
}

export interface LoopTableOptions {
  fit: boolean;
  pause: Pause;
  /** Told the share of these loops that is done. */
  progress: (share: number) => void;
}

/** Loops that are fitted between two looks at whether anyone still wants them: a tenth of a second. */
const LOOPS_AT_ONCE = 64;

/** Throws `no_loop` where the axis does not return on itself. */
export async function loopTable(
  loops_NS: Float32Array,
  axis: readonly number[],
  { fit, pause, progress }: LoopTableOptions,
): Promise<LoopTable> {
  const parameters_NP = loopParameters(loops_NS, axis);
  await pause();
  if (!fit) return { parameters_NP };
  const fitter = new LoopFitter(axis);
  const count = loops_NS.length / axis.length;
  const fits_NQ = new Float64Array(count * FIT_QUANTITIES.length);
  for (let n = 0; n < count; n += LOOPS_AT_ONCE) {
    const some = loops_NS.subarray(n * axis.length, Math.min(count, n + LOOPS_AT_ONCE) * axis.length);
    fits_NQ.set(fitLoops(some, fitter), n * FIT_QUANTITIES.length);
    progress(n / count);
    await pause();
  }
  return { parameters_NP, fits_NQ };
}

/** The table as maps by name; the fit's under `fit`. */
export function loopMaps(cube: CubeReader, positions: Positions, table: LoopTable): { [name: string]: ResultTree } {
  const mapsOf = (names: readonly string[], values: Float64Array) =>
    Object.fromEntries(
      names.map((name, offset) => [name, toMap(cube, positions, values, { stride: names.length, offset })]),
    );
  return {
    ...mapsOf(LOOP_PARAMETERS, table.parameters_NP),
    ...(table.fits_NQ ? { fit: mapsOf(FIT_QUANTITIES, table.fits_NQ) } : {}),
  };
}

/** Units by name, and what the numbers mean. */
export function loopLegend({ axes, unit }: CubeReader, fit: boolean): { [name: string]: ResultTree } {
  const volt = axes.spectral.unit;
  const per = [unit, volt].filter(Boolean).join("/"), times = [unit, volt].filter(Boolean).join("·");
  const units: Record<string, string> = { area: times, saturationSlope: per, crossings: "", noose: "", a4: per };
  const biases = [
    "centroidV",
    "coercivePositive",
    "coerciveNegative",
    "imprint",
    "width",
    "zeroPositive",
    "zeroNegative",
  ];
  const widths = ["a2", "a3", "b0", "b1", "b2", "b3", "nucleationPositive", "nucleationNegative"];
  for (const name of [...biases, ...widths]) units[name] = volt;
  for (const name of ["r2", "aic", "bic", "aicLine", "bicLine"]) units[name] = "";
  units.sse = unit ? `${unit}²` : "";
  for (const name of [...LOOP_PARAMETERS, ...(fit ? FIT_QUANTITIES : [])]) {
    units[name] ??= name.endsWith("Error") ? units[name.slice(0, -5)] ?? unit : unit;
  }
  const shown = new Set<string>([...LOOP_PARAMETERS, ...(fit ? FIT_QUANTITIES : [])]);
  return {
    axis: axes.spectral,
    units: Object.fromEntries(Object.entries(units).filter(([name]) => shown.has(name))),
    ...(fit ? { formula: FORMULA } : {}),
  };
}

const FORMULA =
  "f(V) = a0 + a1 (g erf((V - c)/g) + p)/(p + q) + a4 V, g = (q - p)/2 (erf(1000 (V - c)) + 1) + p; falling " +
  "branch c = a2, p = b0, q = b1, rising branch c = a3, p = b2, q = b3; coercive bias: level half way between the curve's " +
  "ends; imprint: middle between the branches' half switching; nucleation bias: 3 % of the branch's own switching";
